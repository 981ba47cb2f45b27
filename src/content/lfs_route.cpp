#include "hubcache/content/lfs_route.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/http_status.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/git_route.h"
#include "hubcache/content/rights.h"
#include "hubcache/hub/bounded_json.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"

namespace hubcache::content {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostObjects = 1'000;  // git-lfs asks for 100

Error bad_batch() { return {Error::Kind::kBadRequest, "this is no batch of git-lfs"}; }

std::string text_at(const Json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What a batch asks for. Throws kForbidden for an upload.
std::vector<hub::LfsObject> objects_in(const std::string& body) {
  const auto batch = hub::bounded_json(body);
  if (!batch.is_object()) throw bad_batch();
  const auto operation = text_at(batch, "operation");
  if (operation == "upload") GitRoute::refuse_push();
  const auto algorithm = text_at(batch, "hash_algo");
  const auto list = batch.find("objects");
  const bool good = operation == "download" && list != batch.end() && list->is_array() &&
                    (algorithm.empty() || algorithm == "sha256");
  if (!good) throw bad_batch();
  if (list->size() > kMostObjects) {
    throw Error(
        Error::Kind::kPayloadTooLarge,
        "a batch of git-lfs may ask for " + std::to_string(kMostObjects) + " objects at most");
  }
  std::vector<hub::LfsObject> objects;
  for (const auto& item : *list) {
    if (!item.is_object()) throw bad_batch();
    auto digest = Digest::parse(Digest::Algorithm::kSha256, text_at(item, "oid"));
    const auto size = item.find("size");
    if (!digest || size == item.end() || !size->is_number_unsigned()) throw bad_batch();
    objects.push_back({.digest = *std::move(digest), .size = size->get<std::uint64_t>()});
  }
  return objects;
}

Json answer_to(const hub::LfsObject& object, const std::optional<std::string>& href) {
  Json said{{"oid", object.digest.hex()}, {"size", object.size}};
  if (href) {
    said["actions"]["download"]["href"] = *href;
  } else {
    said["error"] = {{"code", http_status::kNotFound}, {"message", "Object does not exist"}};
  }
  return said;
}

/// What anybody may read is asked for as anybody, so that nobody's own right teaches what is shown
/// to all.
hub::Credential credential_for(const access::Right& right, const hub::Credential& credential) {
  if (right.kind != access::Right::Kind::kPublic || credential.shared()) return credential;
  return hub::Credential::anonymous();
}

}  // namespace

Task<http::Response> LfsRoute::batch(const http::Request& request, Place place, hub::Route asked) {
  const auto wanted = objects_in(request.body);
  const auto right = co_await require_all_files(services_, place, std::move(asked.file.repo));
  services_.budgets.take_question(place.client);
  auto& hub = *services_.hubs[services_.worker];
  auto credential = credential_for(right, place.credential);
  const auto said =
      co_await hub.lfs_objects(place.endpoint, std::move(credential), right.repo, wanted);
  if (said.status != http_status::kOk) {
    throw hub::refusal_of(said.status, said.error_code, said.error_message, {});
  }
  if (said.canonical != right.repo) {
    throw Error(Error::Kind::kConflict, "The repo has another name by now");
  }
  auto objects = Json::array();
  for (const auto& object : wanted) {
    const auto named = std::ranges::find_if(said.objects, [&object](const auto& one) {
      return one.digest == object.digest && one.size == object.size;
    });
    std::optional<std::string> href;
    if (named != said.objects.end()) {
      const auto file = hub::file_of(right.repo, *named);
      services_.named.learn(*place.endpoint, file,
                            {.size = named->size, .location = named->location});
      href = place.own_base + hub::resolve_path(file);
    }
    objects.push_back(answer_to(object, href));
  }
  const Json answer{{"transfer", "basic"}, {"hash_algo", "sha256"}, {"objects", objects}};
  auto response =
      http::text_response(http_status::kOk, answer.dump(), "application/vnd.git-lfs+json");
  response.headers.set("Cache-Control", "no-store");
  shield(response);
  co_return response;
}

Task<http::Response> LfsRoute::object(const http::Request& request, Place place, hub::Route asked) {
  return files_.get(request, std::move(place), std::move(asked.file));
}

}  // namespace hubcache::content
