#include "hubcache/content/registry_manifest.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/hub/bounded_json.h"

namespace hubcache::content {
namespace {

/// What it says of its config or of a layer; nullopt: nothing that can be a file.
std::optional<hub::LfsObject> blob_in(const nlohmann::json& item) {
  if (!item.is_object()) return std::nullopt;
  const auto name = item.find("digest");
  const auto size = item.find("size");
  if (name == item.end() || !name->is_string() || size == item.end() ||
      !size->is_number_unsigned()) {
    return std::nullopt;
  }
  const auto digest = Digest::from_text(name->get<std::string>());
  if (!digest || digest->algorithm() != Digest::Algorithm::kSha256) return std::nullopt;
  return hub::LfsObject{.digest = *digest, .size = size->get<std::uint64_t>()};
}

}  // namespace

std::vector<hub::LfsObject> blobs_of_manifest(std::string_view body) {
  std::vector<hub::LfsObject> blobs;
  const auto document = hub::bounded_json(body);
  if (!document.is_object()) return blobs;
  const auto add = [&blobs](const nlohmann::json& item) {
    if (auto blob = blob_in(item)) blobs.push_back(*std::move(blob));
  };
  if (const auto layers = document.find("layers"); layers != document.end() && layers->is_array()) {
    for (const auto& layer : *layers) add(layer);
  }
  if (const auto config = document.find("config"); config != document.end()) add(*config);
  return blobs;
}

}  // namespace hubcache::content
