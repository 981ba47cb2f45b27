#include "hubcache/hub/types.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/sha256.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::hub {

std::string_view name_of(RepoType type) {
  switch (type) {
    case RepoType::kModel:
      return "model";
    case RepoType::kDataset:
      return "dataset";
    case RepoType::kSpace:
      return "space";
    case RepoType::kKernel:
      return "kernel";
    case RepoType::kBucket:
      return "bucket";
  }
  return "model";
}

std::string_view api_segment(RepoType type) {
  switch (type) {
    case RepoType::kModel:
      return "models";
    case RepoType::kDataset:
      return "datasets";
    case RepoType::kSpace:
      return "spaces";
    case RepoType::kKernel:
      return "kernels";
    case RepoType::kBucket:
      return "buckets";
  }
  return "models";
}

std::string RepoId::key() const {
  std::string key(name_of(type));
  key += '/';
  return key += name;
}

bool Endpoint::has_right() const {
  return !token.empty() || !username.empty() || !headers.empty() || !origin.client_cert.empty();
}

void Endpoint::seal() {
  made_scope = scope();
  made_origin_key = origin_key();
}

std::string Endpoint::scope() const {
  return made_scope.empty() ? remote + "/" + std::to_string(epoch) : made_scope;
}

std::string Endpoint::origin_key() const {
  if (!made_origin_key.empty()) return made_origin_key;
  std::string fields;
  // Each with its length, so that no two lists of fields read the same.
  const auto add = [&fields](std::string_view field) {
    fields += std::to_string(field.size());
    fields += ':';
    fields += field;
  };
  add(origin.scheme);
  add(origin.host);
  add(std::to_string(origin.port));
  add(target_below(base, ""));  // two hubs behind one host are two hubs
  add(origin.proxy_url);
  add(origin.proxy_username);
  add(origin.proxy_password);
  add(origin.verify_tls ? "verified" : "unverified");
  add(origin.ca_cert);
  add(origin.client_cert);
  add(origin.client_key);
  return sha256_of(fields).hex();
}

FileRef file_of(RepoId repo, const LfsObject& object) {
  return {.repo = std::move(repo),
          .path = object.digest.text() + "/" + std::to_string(object.size),
          .door = Door::kLfs};
}

std::optional<LfsObject> lfs_object_of(const FileRef& file) {
  const std::string_view path = file.path;
  const auto slash = std::min(path.find('/'), path.size());
  auto digest = Digest::from_text(path.substr(0, slash));
  const auto text = path.substr(std::min(slash + 1, path.size()));
  std::uint64_t size = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, size);
  const bool good = digest && digest->algorithm() == Digest::Algorithm::kSha256 && !text.empty() &&
                    parsed.ec == std::errc() && parsed.ptr == end &&
                    (text.front() != '0' || text.size() == 1);
  if (!good) return std::nullopt;
  return LfsObject{.digest = *std::move(digest), .size = size};
}

bool FileAnswer::absent() const {
  return status == http_status::kNotFound && error_code == "EntryNotFound" && is_commit_id(commit);
}

}  // namespace hubcache::hub
