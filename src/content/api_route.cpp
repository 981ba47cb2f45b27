#include "hubcache/content/api_route.h"

#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/access/caller.h"
#include "hubcache/content/document_response.h"
#include "hubcache/content/rights.h"
#include "hubcache/hub/bounded_json.h"

#include "stopwatch.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kAgentHarnesses = "/api/agent-harnesses";
constexpr std::string_view kTelemetry = "/api/telemetry/";

hub::Credential without_right_of_remote(hub::Credential credential) {
  if (credential.kind != hub::Credential::Kind::kRemote) return credential;
  return hub::Credential::anonymous();
}

http::Response json_response(const nlohmann::json& document) {
  return http::text_response(200, document.dump(), "application/json; charset=utf-8");
}

/// As the Hub tells of its users, with what its clients read (contract/hub.md 1.3).
nlohmann::json as_hub_user(const access::Account& account, const http::Request& request) {
  nlohmann::json auth{{"type", "basic"}};
  if (access::Caller::of(request.headers).kind == access::Caller::Kind::kOwnToken) {
    auth = {{"type", "access_token"},
            {"accessToken", {{"displayName", account.name}, {"role", "read"}}}};
  }
  return {{"type", "user"},         {"id", std::to_string(account.id)},
          {"name", account.name},   {"fullname", account.name},
          {"isPro", false},         {"orgs", nlohmann::json::array()},
          {"auth", std::move(auth)}};
}

}  // namespace

Task<http::Response> ApiRoute::get(const http::Request& request, Place place, hub::Route asked) {
  if (asked.api_path == kAgentHarnesses) {
    co_return co_await agent_harnesses(request, std::move(place), std::move(asked));
  }
  // Clients report themselves here, and some wait for it: nobody's business but theirs.
  if (asked.api_path.starts_with(kTelemetry)) co_return http::Response{};

  services_.budgets.take_question(place.client);
  auto credential = without_right_of_remote(place.credential);
  if (!asked.file.repo.name.empty() && !place.rules.empty()) {
    place.credential = credential;
    const auto right = co_await right_of_repo(services_, place, std::move(asked.file.repo));
    place.rules.require_all_files(right.repo);
  }
  // Of no repo: what is refused here is this route, and says nothing of files and documents.
  hub::DocumentQuery query{.target = with_query(std::move(asked.api_path), request)};
  const Stopwatch stopwatch;
  const auto answer =
      co_await services_.flights.document(place.endpoint, std::move(credential), std::move(query));
  const auto waited = stopwatch.elapsed();
  auto response = co_await document_response(services_, request, *answer, place);
  response.served = {.cache = "pass", .upstream = waited};
  co_return response;
}

// Asked first by every recent client with a fresh HF_HOME: anything but an object crashes it
// (contract/hub.md 10).
Task<http::Response> ApiRoute::agent_harnesses(const http::Request& request, Place place,
                                               hub::Route asked) {
  catalog::DocumentRequest wanted{
      .endpoint = place.endpoint,
      .credential = without_right_of_remote(place.credential),
      .repo = {},
      .query = {.target = with_query(std::move(asked.api_path), request)},
      .kind = "public"};
  std::shared_ptr<const catalog::Document> document;
  try {
    document = co_await services_.documents.get(std::move(wanted), services_.flights);
  } catch (const Error&) {
    document.reset();
  }
  const bool usable =
      document && document->status == 200 && hub::bounded_json(document->body).is_object();
  if (!usable) co_return json_response(nlohmann::json::object());
  co_return co_await document_response(services_, request, *document, place);
}

Task<http::Response> ApiRoute::whoami(const http::Request& request, Place place, hub::Route asked) {
  if (place.credential.kind != hub::Credential::Kind::kRemote) {
    co_return co_await get(request, std::move(place), std::move(asked));
  }
  const auto account = co_await access::account_of(services_.accounts, request);
  if (!account) throw Error(Error::Kind::kUnauthorized, "Invalid username or password.");
  auto response = json_response(as_hub_user(*account, request));
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

}  // namespace hubcache::content
