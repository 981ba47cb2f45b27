// Git's smart HTTP and git-lfs's batches (contract/hub.md 1.11).
#include "hubsim/git_server.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <zlib.h>

namespace hubsim {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr auto kLfsType = "application/vnd.git-lfs+json; charset=utf-8";

void write_file(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs git with `input` and returns what it prints; throws when it fails.
std::string run_git(const fs::path& scratch, std::vector<std::string> arguments,
                    std::string_view input, std::string_view protocol = {}) {
  const auto in = scratch.string() + ".in";
  const auto out = scratch.string() + ".out";
  write_file(in, input);
  arguments.insert(arguments.begin(), "git");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const char* const path = std::getenv("PATH");
  std::vector<std::string> variables{"PATH=" + std::string(path != nullptr ? path : "/usr/bin"),
                                     "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
                                     "GIT_PROTOCOL=" + std::string(protocol)};
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, "git", &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  if (failed == 0) {
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  auto text = read_file(out);
  fs::remove(in);
  fs::remove(out);
  if (failed != 0 || status != 0) throw std::runtime_error("git " + arguments.at(1) + " failed");
  return text;
}

/// The whole history, for `git fast-import`: it gives the objects the ids that the world has.
std::string fast_import_of(const Repo& repo) {
  std::string text;
  const auto add_data = [&text](std::string_view bytes) {
    ((text += "data " + std::to_string(bytes.size()) + "\n") += bytes) += "\n";
  };
  const auto author = "hubsim <" + full_name(repo.type, repo.id) + "@hubsim> ";
  std::map<std::string, std::size_t> marks;
  for (const auto& commit : repo.commits) {
    const auto mark = marks.size() + 1;
    const auto who = author + std::to_string(commit->time) + " +0000\n";
    text += "commit refs/heads/hubsim-made\nmark :" + std::to_string(mark) + "\n";
    text += "author " + who + "committer " + who;
    add_data(commit->message + "\n");
    if (!commit->parent.empty()) {
      text += "from :" + std::to_string(marks.at(commit->parent)) + "\n";
    }
    text += "deleteall\n";
    for (const auto& [path, entry] : commit->files) {
      text += "M 100644 inline " + path + "\n";
      add_data(entry.lfs() ? lfs_pointer(entry.sha256, entry.blob->size())
                           : entry.blob->bytes(0, entry.blob->size()));
    }
    if (commit->parent.empty()) text += "\n";
    marks[commit->id] = mark;
  }
  for (const auto& [name, id] : repo.refs) {
    text += "reset " + name + "\nfrom :" + std::to_string(marks.at(id)) + "\n\n";
  }
  return text;
}

std::string gunzip(std::string_view packed) {
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::runtime_error("inflateInit2");
  std::string input(packed);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  std::string text;
  std::array<char, 65536> piece{};
  int done = Z_OK;
  while (done == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    done = inflate(&stream, Z_NO_FLUSH);
    text.append(piece.data(), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (done != Z_STREAM_END) throw std::runtime_error("inflate");
  return text;
}

/// Git sends tokens as passwords.
Caller git_caller_of(const World& world, const Request& request) {
  const auto header = request.header("authorization");
  if (lower_case(header.substr(0, 6)) != "basic ") return caller_of(world, request);
  const auto pair = base64_decode(header.substr(6));
  const auto* token = world.token(pair.substr(pair.find(':') + 1));
  return {token != nullptr ? Caller::Kind::kUser : Caller::Kind::kBad, token};
}

struct Asked {
  RepoType type = RepoType::kModel;
  std::string id;
  std::string tail;
};

std::optional<Asked> asked_of(const Request& request) {
  for (const std::string tail :
       {"/info/refs", "/git-upload-pack", "/git-receive-pack", "/info/lfs/objects/batch"}) {
    if (!request.path.ends_with(tail)) continue;
    auto name = percent_decode(request.path.substr(1, request.path.size() - 1 - tail.size()));
    if (name.find("/resolve/") != name.npos || name.starts_with("api/")) continue;
    if (name.ends_with(".git")) name.resize(name.size() - 4);
    auto [type, id] = parse_name(name);
    return Asked{type, std::move(id), tail};
  }
  return std::nullopt;
}

/// The file of any commit that is this LFS object.
const Entry* find_object(const Repo& repo, std::string_view oid, std::string& path) {
  for (const auto& commit : repo.commits) {
    for (const auto& [name, entry] : commit->files) {
      if (entry.sha256 != oid || !entry.lfs()) continue;
      path = name;
      return &entry;
    }
  }
  return nullptr;
}

Response lfs_batch(const Site& site, const Request& request, const Caller& caller,
                   const Repo& repo) {
  const auto batch = Json::parse(request.body);
  Json objects = Json::array();
  for (const auto& asked : batch.at("objects")) {
    Json object{{"oid", asked.at("oid")}, {"size", asked.at("size")}};
    std::string path;
    const auto* entry = find_object(repo, asked.at("oid").get<std::string>(), path);
    if (batch.at("operation") != "download") {
      object["actions"]["upload"] = {{"href", site.cdn_url + "/upload"}};
    } else if (entry == nullptr) {
      object["error"] = {{"code", 404}, {"message", "Object does not exist"}};
    } else if (entry->blob->size() != asked.at("size")) {
      object["error"] = {{"code", 422}, {"message", "The size is another"}};
    } else {
      object["authenticated"] = true;
      object["actions"]["download"] = {{"href", signed_url(site, caller, repo, path, *entry)},
                                       {"expires_in", site.behaviour.url_lifetime.count()}};
    }
    objects.push_back(std::move(object));
  }
  Response response;
  response.set("Content-Type", kLfsType);
  response.text = Json{{"transfer", "basic"}, {"objects", std::move(objects)}}.dump();
  return response;
}

Response upload_pack(const Request& request, const Repo& repo, GitRepos& repos, bool refs) {
  const std::string protocol(request.header("git-protocol"));
  Response response;
  response.set("Cache-Control", "no-cache, max-age=0, must-revalidate");
  response.chunked = true;
  if (refs) {
    response.set("Content-Type", "application/x-git-upload-pack-advertisement");
    const bool v2 = protocol.find("version=2") != std::string::npos;
    if (!v2) response.text = "001e# service=git-upload-pack\n0000";
    response.text += repos.upload_pack(repo, protocol, nullptr);
    return response;
  }
  const bool packed = request.header("content-encoding") == "gzip";
  const auto input = packed ? gunzip(request.body) : request.body;
  response.set("Content-Type", "application/x-git-upload-pack-result");
  response.text = repos.upload_pack(repo, protocol, &input);
  return response;
}

}  // namespace

GitRepos::~GitRepos() {
  std::error_code ignored;
  if (!root_.empty()) fs::remove_all(root_, ignored);
}

fs::path GitRepos::folder_of(const Repo& repo) {
  auto key = full_name(repo.type, repo.id);
  for (const auto& [name, id] : repo.refs) (key += '\n' + name) += ' ' + id;
  const std::lock_guard lock(mutex_);
  if (root_.empty()) {
    std::string pattern = (fs::temp_directory_path() / "hubsim-git-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = pattern;
  }
  auto& folder = folders_[key];
  if (!folder.empty()) return folder;
  const auto made = root_ / std::to_string(made_++);
  run_git(made, {"init", "--quiet", "--bare", "-b", "main", made.string()}, {});
  run_git(made, {"-C", made.string(), "fast-import", "--quiet", "--force"}, fast_import_of(repo));
  run_git(made, {"-C", made.string(), "update-ref", "-d", "refs/heads/hubsim-made"}, {});
  return folder = made;
}

std::string GitRepos::upload_pack(const Repo& repo, std::string_view protocol,
                                  const std::string* input) {
  const auto folder = folder_of(repo);
  fs::path scratch;
  {
    const std::lock_guard lock(mutex_);
    scratch = root_ / ("run" + std::to_string(made_++));
  }
  std::vector<std::string> arguments{"-c", "uploadpack.allowFilter=true", "upload-pack",
                                     "--stateless-rpc"};
  if (input == nullptr) arguments.emplace_back("--http-backend-info-refs");
  arguments.push_back(folder.string());
  return run_git(scratch, std::move(arguments), input != nullptr ? *input : "", protocol);
}

std::optional<Response> answer_git(const Site& site, const Request& request, GitRepos& repos) {
  const auto asked = asked_of(request);
  if (!asked) return std::nullopt;
  const auto caller = git_caller_of(site.world, request);
  const auto found = site.world.find(asked->type, asked->id);
  auto refusal = refuse_repo(caller, found.repo, false);
  if (!refusal) refusal = refuse_files(caller, *found.repo, false);
  if (refusal) {
    if (refusal->status == 401) refusal->set("WWW-Authenticate", R"(Basic realm="Hugging Face")");
    return refusal;
  }
  if (!found.canonical) {
    Location at;
    at.before = "/";
    at.after = asked->tail;
    if (asked->type != RepoType::kModel) at.before += std::string(type_name(asked->type)) + "s/";
    return moved(at, *found.repo, request);
  }
  if (asked->tail == "/info/lfs/objects/batch") {
    return lfs_batch(site, request, caller, *found.repo);
  }
  const bool refs = asked->tail == "/info/refs";
  const auto service = request.parameter("service").value_or("");
  if (asked->tail == "/git-receive-pack" || (refs && service != "git-upload-pack")) {
    return page_not_found();
  }
  return upload_pack(request, *found.repo, repos, refs);
}

}  // namespace hubsim
