#include "hubcache/mirror/bundle.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/sha256.h"
#include "hubcache/hub/bounded_json.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/urls.h"

namespace hubcache::mirror {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMostNames = 100;
constexpr std::size_t kMostRepos = 10'000;
constexpr std::size_t kLongestPath = 4'096;
constexpr std::size_t kLongestRevision = 255;
constexpr std::string_view kBlobs = "blobs/";
constexpr std::string_view kRepos = "repos/";
constexpr std::string_view kEnding = ".json";

[[noreturn]] void refuse_bundle(const std::string& why) {
  throw Error(Error::Kind::kBadRequest, why);
}

std::string bundle_text(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string()) {
    refuse_bundle(std::string("it has no text \"") + field + '"');
  }
  return found->get<std::string>();
}

std::vector<std::string> bundle_texts(const json& object, const char* field, std::size_t most) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    refuse_bundle(std::string("it has no list \"") + field + "\" of a sane length");
  }
  std::vector<std::string> texts;
  texts.reserve(found->size());
  for (const auto& item : *found) {
    if (!item.is_string()) refuse_bundle(std::string("\"") + field + "\" is no list of texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

bool bundle_flag(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_boolean()) {
    refuse_bundle(std::string("it does not say \"") + field + '"');
  }
  return found->get<bool>();
}

std::string require_commit(std::string commit) {
  if (!hub::is_commit_id(commit)) refuse_bundle(printable(commit) + " is no commit");
  return commit;
}

/// Does a request for it name this very file?
bool can_be_asked(const hub::FileRef& file) {
  try {
    const auto route = hub::parse_route(hub::resolve_path(file).substr(1));
    return route.kind == hub::Route::Kind::kResolve && route.file == file;
  } catch (const Error&) {
    return false;
  }
}

void require_path(const std::string& path) {
  static const hub::RepoId kAny{.type = hub::RepoType::kModel, .name = "o/r"};
  const bool good = !path.empty() && path.size() <= kLongestPath &&
                    can_be_asked({.repo = kAny, .revision = std::string(40, '0'), .path = path});
  if (!good) refuse_bundle(printable(path) + " is no path of a file");
}

std::uint64_t require_size(std::string_view text) {
  std::uint64_t size = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, size);
  const bool good = parsed.ec == std::errc() && parsed.ptr == end && size <= kLargestFile;
  if (!good) refuse_bundle(printable(text) + " is no size");
  return size;
}

json parse_bundle_json(std::string_view text) {
  auto document = hub::bounded_json(text);
  if (!document.is_object()) refuse_bundle("it is no JSON object of a sane size");
  const auto format = document.find("format");
  if (format == document.end() || *format != kFormat) {
    refuse_bundle("it has a format that this version does not know");
  }
  return document;
}

/// What the Hub's API says, as text; its word on who may read the repo counts against the export's.
std::string take_info(const json& document, Description& description) {
  const auto found = document.find("info");
  if (found == document.end() || found->is_null()) return {};
  if (!found->is_object()) refuse_bundle("its \"info\" is no object");
  const auto says = [&](const char* field) {
    const auto at = found->find(field);
    return at != found->end() && !at->is_null() && *at != false;
  };
  if (says("private") || says("gated") || says("disabled")) description.is_public = false;
  auto text = found->dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kLargestInfo) refuse_bundle("its \"info\" is too long");
  return text;
}

void require_distinct(const std::vector<BundleFile>& files) {
  std::set<std::string_view> paths;
  for (const auto& file : files) {
    if (!paths.insert(file.path).second) refuse_bundle("it has " + file.path + " twice");
  }
}

std::optional<Digest> digest_between(std::string_view name, std::string_view before,
                                     std::string_view after) {
  if (!name.starts_with(before) || !name.ends_with(after)) return std::nullopt;
  name.remove_prefix(before.size());
  name.remove_suffix(std::min(after.size(), name.size()));
  return Digest::parse(Digest::Algorithm::kSha256, name);
}

}  // namespace

hub::RepoId parse_repo(std::string_view key) {
  for (const auto type : hub::kRepoTypes) {
    const auto before = std::string(hub::name_of(type)) + '/';
    if (!key.starts_with(before)) continue;
    const auto name = key.substr(before.size());
    if (hub::is_repo_name(name)) return {.type = type, .name = std::string(name)};
  }
  refuse_bundle(printable(key) + " is no name of a repository");
}

void require_revision(const std::string& revision, const std::string& commit) {
  static const hub::RepoId kAny{.type = hub::RepoType::kModel, .name = "o/r"};
  const bool good = !revision.empty() && revision.size() <= kLongestRevision &&
                    (!hub::is_commit_id(revision) || revision == commit) &&
                    can_be_asked({.repo = kAny, .revision = revision, .path = "x"});
  if (!good) refuse_bundle(printable(revision) + " is no revision");
}

std::string to_text(const BundleFile& file) {
  return joined({file.digest.text(), " ", std::to_string(file.size), file.left_out ? " - " : " + ",
                 file.path});
}

BundleFile parse_file(std::string_view text) {
  const auto whole = text;
  const auto next = [&] {
    const auto end = text.find(' ');
    if (end == std::string_view::npos) refuse_bundle(printable(whole) + " describes no file");
    const auto word = text.substr(0, end);
    text.remove_prefix(end + 1);
    return word;
  };
  const auto digest = Digest::from_text(next());
  const auto size = require_size(next());
  const auto sign = next();
  if (!digest || (sign != "+" && sign != "-")) {
    refuse_bundle(printable(whole) + " describes no file");
  }
  BundleFile file{{.path = std::string(text), .digest = *digest, .size = size}, sign == "-"};
  require_path(file.path);
  return file;
}

std::string to_text(const Description& description) {
  json files = json::array();
  for (const auto& file : description.files) files.push_back(to_text(file));
  json document{{"format", kFormat},
                {"repo", description.repo.key()},
                {"names", description.names},
                {"commit", description.commit},
                {"revisions", description.revisions},
                {"public", description.is_public},
                {"whole", description.whole},
                {"info", json::parse(description.info, nullptr, false)},
                {"files", std::move(files)}};
  if (document["info"].is_discarded()) document["info"] = nullptr;
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Description parse_description(std::string_view text) {
  const auto document = parse_bundle_json(text);
  Description description{.repo = parse_repo(bundle_text(document, "repo")),
                          .names = bundle_texts(document, "names", kMostNames),
                          .commit = require_commit(bundle_text(document, "commit")),
                          .revisions = bundle_texts(document, "revisions", kMostNames),
                          .is_public = bundle_flag(document, "public"),
                          .whole = bundle_flag(document, "whole")};
  for (const auto& name : description.names) {
    if (!hub::is_repo_name(name)) refuse_bundle(printable(name) + " is no name of a repository");
  }
  for (const auto& revision : description.revisions) require_revision(revision, description.commit);
  description.info = take_info(document, description);
  const auto files = document.find("files");
  if (files == document.end() || !files->is_array()) refuse_bundle("it has no list \"files\"");
  for (const auto& file : *files) {
    if (!file.is_string()) refuse_bundle("\"files\" is no list of texts");
    description.files.push_back(parse_file(file.get_ref<const std::string&>()));
  }
  require_distinct(description.files);
  return description;
}

std::string to_text(const Index& index) {
  json repos = json::array();
  for (const auto& item : index.items) {
    repos.push_back({{"repo", item.repo.key()},
                     {"commit", item.commit},
                     {"description", item.description.hex()},
                     {"size", item.size}});
  }
  auto text = json{{"format", kFormat}, {"repos", std::move(repos)}}.dump() + '\n';
  return text + sha256_of(text).text() + '\n';
}

Index parse_index(std::string_view text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, std::min(end, text.size() - 1) + 1);
  if (end == std::string_view::npos || text.substr(end + 1) != sha256_of(line).text() + '\n') {
    throw Error(Error::Kind::kCorrupt, std::string(kIndexName) + " is torn");
  }
  const auto document = parse_bundle_json(line);
  const auto repos = document.find("repos");
  if (repos == document.end() || !repos->is_array() || repos->size() > kMostRepos) {
    refuse_bundle("it has no list \"repos\" of a sane length");
  }
  Index index;
  for (const auto& item : *repos) {
    if (!item.is_object()) refuse_bundle("\"repos\" is no list of objects");
    const auto digest = Digest::parse(Digest::Algorithm::kSha256, bundle_text(item, "description"));
    const auto size = item.find("size");
    const bool good = digest && size != item.end() && size->is_number_unsigned() &&
                      size->get<std::uint64_t>() <= kLargestDescription;
    if (!good) refuse_bundle("it names a description without its digest and size");
    index.items.push_back({.repo = parse_repo(bundle_text(item, "repo")),
                           .commit = require_commit(bundle_text(item, "commit")),
                           .description = *digest,
                           .size = size->get<std::uint64_t>()});
  }
  return index;
}

std::string blob_name(const Digest& digest) {
  return joined({kBlobs, digest.algorithm_name(), "/", digest.hex().substr(0, 2), "/",
                 digest.hex().substr(2)});
}

std::string description_name(const Digest& digest) {
  return joined({kRepos, digest.hex(), kEnding});
}

std::optional<Digest> blob_named(std::string_view name) {
  if (!name.starts_with(kBlobs)) return std::nullopt;
  std::string hex;
  for (const char c : name.substr(std::min(name.find('/', kBlobs.size()), name.size()))) {
    if (c != '/') hex += c;
  }
  auto digest = Digest::from_etag(hex);
  if (!digest || blob_name(*digest) != name) return std::nullopt;
  return digest;
}

std::optional<Digest> description_named(std::string_view name) {
  auto digest = digest_between(name, kRepos, kEnding);
  if (!digest || description_name(*digest) != name) return std::nullopt;
  return digest;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string shown;
  for (const char c : text.substr(0, kMost)) {
    const bool is_control = (c >= 0 && c < ' ') || c == '\x7f';  // a char may have a sign, or none
    shown += is_control ? '?' : c;
  }
  if (text.size() > kMost) shown += "...";
  return '"' + shown + '"';
}

std::string name_of(const Description& description) {
  return joined({hub::name_of(description.repo.type), " ", description.repo.name, " at ",
                 description.commit});
}

}  // namespace hubcache::mirror
