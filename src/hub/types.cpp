#include "hubcache/hub/types.h"

#include <array>
#include <span>

#include "hubcache/hub/grammar.h"

namespace hubcache::hub {
namespace {

struct TypeNames {
  std::string_view name;
  std::string_view api_segment;
};

const TypeNames& names_of(RepoType type) {
  static constexpr std::array<TypeNames, 4> kNames{
      {{"model", "models"}, {"dataset", "datasets"}, {"space", "spaces"}, {"kernel", "kernels"}}};
  return kNames.at(static_cast<std::size_t>(type));
}

}  // namespace

std::string_view name_of(RepoType type) { return names_of(type).name; }

std::string_view api_segment(RepoType type) { return names_of(type).api_segment; }

std::string RepoId::key() const {
  std::string key(name_of(type));
  key += '/';
  return key += name;
}

std::string Endpoint::scope() const { return remote + "/" + std::to_string(epoch); }

std::string Endpoint::origin_key() const {
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
  Hasher hasher(Digest::Algorithm::kSha256, fields.size());
  hasher.update(std::as_bytes(std::span(fields)));
  return hasher.finish().hex();
}

bool FileAnswer::absent() const {
  constexpr int kNotFound = 404;
  return status == kNotFound && error_code == "EntryNotFound" && is_commit_id(commit);
}

}  // namespace hubcache::hub
