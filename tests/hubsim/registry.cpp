// /v2: a model's GGUF file as a registry of containers has it (contract/hub.md 1.9, 1.10).
#include <algorithm>

#include <nlohmann/json.hpp>

#include "hubsim/site.h"

namespace hubsim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kImage = "application/vnd.ollama.image.";

/// What the Hub makes itself: it is in no repo.
std::string config_text() {
  return R"({"model_format":"gguf","model_family":"llama","architecture":"amd64","os":"linux"})";
}
std::string params_text() { return R"({"stop":["<|end|>"]})"; }

std::string digest_of(const std::string& text) { return "sha256:" + Blob::make(text)->sha256(); }

struct RegistryAsked {
  std::string id;
  std::string verb;
  std::string last;
};

std::optional<RegistryAsked> registry_asked(const Request& request) {
  const auto segments = split(std::string_view(request.path).substr(1), '/');
  if (segments.size() < 4 || segments.front() != "v2") return std::nullopt;
  RegistryAsked asked{.id = segments[1],
                      .verb = segments[segments.size() - 2],
                      .last = percent_decode(segments.back())};
  for (std::size_t i = 2; i + 2 < segments.size(); ++i) asked.id += "/" + segments[i];
  return asked;
}

using File = std::pair<const std::string, Entry>;

const File* find_gguf(const Commit& commit, std::string_view tag) {
  for (const auto& file : commit.files) {
    const bool is_it = tag == "latest" || file.first.find(tag) != std::string::npos;
    if (file.first.ends_with(".gguf") && file.second.lfs() && is_it) return &file;
  }
  return nullptr;
}

Json layer(std::string_view kind, const std::string& digest, std::uint64_t size) {
  return {
      {"digest", digest}, {"mediaType", std::string(kImage) + std::string(kind)}, {"size", size}};
}

Response manifest(const Request& request, const File& gguf) {
  const auto& [path, entry] = gguf;
  const auto size = entry.blob->size();
  Json document{{"schemaVersion", 2},
                {"mediaType", "application/vnd.docker.distribution.manifest.v2+json"}};
  document["config"] = {{"digest", digest_of(config_text())},
                        {"mediaType", "application/vnd.docker.container.image.v1+json"},
                        {"size", config_text().size()}};
  document["layers"] = {layer("model", "sha256:" + entry.sha256, size),
                        layer("params", digest_of(params_text()), params_text().size())};
  if (request.header("user-agent") == "llama-cpp") {
    document["ggufFile"] = {{"rfilename", path}, {"size", size}};
  }
  Response response;
  response.set("Content-Type", "application/json; charset=utf-8");
  response.set("Vary", "Origin,User-Agent");
  response.text = document.dump();
  return response;
}

Response blob(const Commit& commit, const Repo& repo, const std::string& digest) {
  Response response;
  for (const auto& text : {config_text(), params_text()}) {
    if (digest_of(text) != digest) continue;
    response.set("Content-Type", "application/octet-stream");
    response.set("Location", "?__sign=hubsim");
    response.text = text;
    return response;
  }
  const auto at = std::ranges::find_if(commit.files, [&digest](const auto& file) {
    return file.second.lfs() && "sha256:" + file.second.sha256 == digest;
  });
  if (at == commit.files.end()) return json_error(404, "blob unknown");
  response.status = 307;
  response.set("Location", "/" + repo.id + "/resolve/main/" + percent_encode(at->first));
  return response;
}

}  // namespace

std::optional<Response> answer_registry(const Site& site, const Request& request) {
  const auto asked = registry_asked(request);
  if (!asked) return std::nullopt;
  const auto caller = caller_of(site.world, request);
  const auto found = site.world.find(RepoType::kModel, asked->id);
  auto refusal = refuse_repo(caller, found.repo, true);
  if (!refusal) refusal = refuse_files(caller, *found.repo, true);
  if (refusal) {
    refusal->set("WWW-Authenticate",
                 "Basic realm=\"" + site.url + "/api/models/" + asked->id + "/ssh-auth\"");
    return refusal;
  }
  const auto commit = found.repo->find("main");
  if (asked->verb == "blobs") return blob(*commit, *found.repo, asked->last);
  const auto* const gguf = asked->verb == "manifests" ? find_gguf(*commit, asked->last) : nullptr;
  if (gguf == nullptr) return json_error(404, "The specified tag is not available");
  return manifest(request, *gguf);
}

}  // namespace hubsim
