#include "hubsim/world.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <stdexcept>
#include <utility>

#include "hubcache/base/digest.h"

namespace hubsim {
namespace {

constexpr std::int64_t kFirstCommitTime = 1767225600;  // 2026-01-01T00:00:00Z
constexpr std::array<std::string_view, 4> kTypes = {"model", "dataset", "space", "kernel"};

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

std::string full_ref(std::string_view ref) {
  return ref.starts_with("refs/") ? std::string(ref) : "refs/heads/" + std::string(ref);
}

std::string sha256_text(std::string_view text) {
  hubcache::Hasher hasher(hubcache::Digest::Algorithm::kSha256, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.finish().hex();
}

}  // namespace

std::string_view type_name(RepoType type) { return kTypes.at(static_cast<std::size_t>(type)); }

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::pair<RepoType, std::string> parse_name(std::string_view name) {
  for (const auto type : {RepoType::kDataset, RepoType::kSpace, RepoType::kKernel}) {
    const auto prefix = std::string(type_name(type)) + "s/";
    if (name.starts_with(prefix)) return {type, std::string(name.substr(prefix.size()))};
  }
  return {RepoType::kModel, std::string(name)};
}

std::string full_name(RepoType type, std::string_view id) {
  if (type == RepoType::kModel) return std::string(id);
  return std::string(type_name(type)) + "s/" + std::string(id);
}

std::shared_ptr<const Commit> Repo::find(std::string_view revision) const {
  std::string wanted;  // a commit id, or the start of one
  const std::string name(revision == "HEAD" ? "main" : revision);
  for (const auto* prefix : {"", "refs/heads/", "refs/tags/"}) {
    const auto at = refs.find(prefix + name);
    if (at != refs.end() && wanted.empty()) wanted = at->second;
  }
  constexpr std::size_t kShortest = 7;
  if (wanted.empty() && name.size() >= kShortest && is_hex(name)) wanted = lower_case(name);
  if (wanted.empty()) return nullptr;
  const auto at = std::find_if(commits.rbegin(), commits.rend(),
                               [&](const auto& commit) { return commit->id.starts_with(wanted); });
  return at == commits.rend() ? nullptr : *at;
}

void World::add(RepoSpec spec) {
  const Key key{spec.type, lower_case(spec.id)};
  const auto slashes = std::count(spec.id.begin(), spec.id.end(), '/');
  if (spec.id.empty() || slashes > 1 || repos_.contains(key)) {
    throw std::invalid_argument("bad or taken repo id: " + spec.id);
  }
  renamed_.erase(key);
  const auto name = full_name(spec.type, spec.id);
  repos_.emplace(key, Repo{spec.type, std::move(spec.id), spec.visibility, {}, {}});
  commit(name, "main", {}, "initial commit");
}

void World::remove(std::string_view name) {
  const auto& gone = repo(name);
  repos_.erase({gone.type, lower_case(gone.id)});
}

void World::rename(std::string_view name, std::string_view new_id) {
  const auto& old = repo(name);
  const Key from{old.type, lower_case(old.id)};
  const Key to{old.type, lower_case(new_id)};
  if (repos_.contains(to)) throw std::invalid_argument("taken repo id: " + std::string(new_id));
  auto node = repos_.extract(from);
  node.key() = to;
  node.mapped().id = std::string(new_id);
  repos_.insert(std::move(node));
  renamed_.erase(to);
  renamed_[from] = std::string(new_id);
}

World::Found World::find(RepoType type, std::string_view id) const {
  std::string now(id);
  for (std::size_t hop = 0; hop <= renamed_.size(); ++hop) {
    const auto at = repos_.find({type, lower_case(now)});
    if (at != repos_.end()) return {&at->second, at->second.id == id};
    const auto moved = renamed_.find({type, lower_case(now)});
    if (moved == renamed_.end()) break;
    now = moved->second;
  }
  return {};
}

const Repo& World::repo(std::string_view name) const {
  const auto [type, id] = parse_name(name);
  const auto found = find(type, id);
  if (found.repo == nullptr) throw std::invalid_argument("no such repo: " + std::string(name));
  return *found.repo;
}

Repo& World::repo(std::string_view name) {
  return const_cast<Repo&>(std::as_const(*this).repo(name));
}

const Commit& World::commit_at(std::string_view name, std::string_view revision) const {
  const auto commit = repo(name).find(revision);
  if (!commit) throw std::invalid_argument("no such revision: " + std::string(revision));
  return *commit;  // the repo keeps it
}

const Entry& World::entry(std::string_view name, std::string_view path,
                          std::string_view revision) const {
  const auto& commit = commit_at(name, revision);
  const auto at = commit.files.find(path);
  if (at == commit.files.end()) throw std::invalid_argument("no such file: " + std::string(path));
  return at->second;
}

std::string World::commit(std::string_view name, std::string_view branch,
                          const std::vector<std::pair<std::string, std::optional<Entry>>>& changes,
                          std::string_view message) {
  auto& into = repo(name);
  auto next = std::make_shared<Commit>();
  const auto ref = full_ref(branch);
  if (const auto before = into.find(into.refs.contains(ref) ? ref : "refs/heads/main")) {
    next->parent = before->id;
    next->files = before->files;
  }
  for (const auto& [path, entry] : changes) {
    next->files.erase(path);
    if (!entry) continue;
    auto& put = next->files[path] = *entry;
    put.changed_in = into.commits.size();
    if (entry->lfs()) by_xet_hash_[entry->xet_hash] = entry->blob;
  }
  std::vector<std::pair<std::string_view, std::string_view>> files;
  for (const auto& [path, entry] : next->files) files.emplace_back(path, entry.oid);
  next->directories = git_trees(files);
  next->message = std::string(message);
  next->time = kFirstCommitTime + 60 * static_cast<std::int64_t>(into.commits.size());
  const auto author = "hubsim <" + full_name(into.type, into.id) + "@hubsim>";
  next->id =
      git_commit_id({next->directories.at(""), next->parent, author, next->time, next->message});
  into.refs[ref] = next->id;
  into.commits.push_back(next);
  return next->id;
}

void World::set_ref(std::string_view name, std::string_view ref, std::string_view revision) {
  const auto id = commit_at(name, revision).id;
  repo(name).refs[full_ref(ref)] = id;
}

std::vector<const Repo*> World::list(RepoType type) const {
  std::vector<const Repo*> repos;
  for (const auto& [key, repo] : repos_) {
    if (key.first == type) repos.push_back(&repo);
  }
  return repos;
}

std::shared_ptr<const Blob> World::by_xet_hash(const std::string& hash) const {
  const auto at = by_xet_hash_.find(hash);
  return at == by_xet_hash_.end() ? nullptr : at->second;
}

const Token* World::token(std::string_view token) const {
  const auto at = tokens_.find(token);
  return at == tokens_.end() ? nullptr : &at->second;
}

void World::set_token(std::string token, std::optional<Token> about) {
  if (about) {
    tokens_[std::move(token)] = std::move(*about);
  } else {
    tokens_.erase(token);
  }
}

Entry make_entry(const Content& content, Storage storage, std::string_view claimed_sha256) {
  Entry entry;
  entry.blob = Blob::make(content);
  if (storage == Storage::kGit) {
    entry.oid = entry.blob->git_sha1();
    return entry;
  }
  // A sparse file that claims a digest goes by that: its own would take minutes to compute.
  const bool unhashed =
      !claimed_sha256.empty() && std::holds_alternative<Content::Sparse>(content.what());
  const auto own = unhashed ? std::string(claimed_sha256) : entry.blob->sha256();
  entry.sha256 = claimed_sha256.empty() ? own : std::string(claimed_sha256);
  entry.xet_hash = sha256_text("xet:" + own);
  entry.oid = git_object_id("blob", lfs_pointer(entry.sha256, entry.blob->size()));
  return entry;
}

}  // namespace hubsim
