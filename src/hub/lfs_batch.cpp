#include "lfs_batch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/hub/bounded_json.h"

#include "requests.h"

namespace hubcache::hub {
namespace {

using Json = nlohmann::json;

std::string text_at(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Where a batch's answer says the object is; nullopt: it does not name it.
std::optional<LfsObject> object_in(const Json& object, const http::Url& base) {
  if (!object.is_object() || object.contains("error")) return std::nullopt;
  const auto digest = Digest::parse(Digest::Algorithm::kSha256, text_at(object, "oid"));
  const auto size = object.find("size");
  const auto actions = object.find("actions");
  if (!digest || size == object.end() || !size->is_number_unsigned() || actions == object.end()) {
    return std::nullopt;
  }
  const auto download = actions->find("download");
  if (download == actions->end() || !download->is_object()) return std::nullopt;
  const auto place = base.resolve(text_at(*download, "href"));
  if (!place || !may_follow(base, *place)) return std::nullopt;
  auto location = place->text();
  if (location == base.text()) return std::nullopt;  // as of no href at all
  return LfsObject{
      .digest = *digest, .size = size->get<std::uint64_t>(), .location = std::move(location)};
}

}  // namespace

std::string lfs_batch(const std::vector<LfsObject>& objects) {
  auto list = Json::array();
  for (const auto& object : objects) {
    list.push_back({{"oid", object.digest.hex()}, {"size", object.size}});
  }
  const Json batch{{"operation", "download"},
                   {"transfers", {"basic"}},
                   {"hash_algo", "sha256"},
                   {"objects", std::move(list)}};
  return batch.dump();
}

std::vector<LfsObject> lfs_objects_in(std::string_view body, const http::Url& base,
                                      const std::vector<LfsObject>& asked) {
  const auto batch = bounded_json(body);
  const bool good =
      batch.is_object() && batch.contains("objects") && batch.at("objects").is_array();
  if (!good) throw Error(Error::Kind::kUpstream, "The Hub's answer to git-lfs cannot be read");
  std::vector<LfsObject> found;
  for (const auto& item : batch.at("objects")) {
    auto object = object_in(item, base);
    const auto is_it = [&object](const LfsObject& one) {
      return object && one.digest == object->digest && one.size == object->size;
    };
    if (std::ranges::any_of(asked, is_it)) found.push_back(*std::move(object));
  }
  return found;
}

}  // namespace hubcache::hub
