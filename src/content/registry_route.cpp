#include "hubcache/content/registry_route.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/content/browsers.h"
#include "hubcache/content/document_response.h"
#include "hubcache/content/registry_manifest.h"
#include "hubcache/content/rights.h"
#include "hubcache/http/text_answer.h"
#include "hubcache/hub/refusal.h"
#include "hubcache/hub/urls.h"

#include "stopwatch.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kLlamaCpp = "llama-cpp";

/// The Hub tells llama.cpp the name of the file, and all others what Ollama reads, by nothing but
/// this (contract/hub.md 1.9).
std::string agent_of(const http::Request& request) {
  const auto agent = request.headers.get("User-Agent").value_or("");
  return agent.starts_with(kLlamaCpp) ? std::string(kLlamaCpp) : "ollama";
}

}  // namespace

Task<http::Response> RegistryRoute::manifest(const http::Request& request, Place place,
                                             hub::Route asked) {
  const auto right = co_await require_repo(services_, place, std::move(asked.file.repo));
  catalog::DocumentRequest wanted{
      .endpoint = place.endpoint,
      .credential = place.credential,
      .repo = right.repo,
      .query = {.repo = right.repo,
                .target = hub::manifest_path(right.repo, asked.file.revision),
                .agent = agent_of(request)},
      .kind = right.document_class(),
      .before_asking = [&budgets = services_.budgets, client = place.client] {
        budgets.take_question(client);
      }};
  const Stopwatch stopwatch;
  const auto document = co_await services_.documents.get(std::move(wanted), services_.flights);
  const auto waited = stopwatch.elapsed();
  if (document->just_asked) place.rules.require_repo(document->canonical);
  if (document->status != http_status::kOk) {
    throw hub::refusal_of(document->status, document->error_code, document->error_message, {});
  }
  if (document->just_asked && document->canonical == right.repo) {
    learn(place, right.repo, *document);
  }
  const bool json = is_json(document->content_type);
  auto response =
      http::text_response(http_status::kOk, {}, json ? document->content_type : "application/json");
  response.body = document->body;
  response.headers.set("Vary", "User-Agent");
  shield(response);
  note(*document, waited, response.served);
  co_return co_await http::finish_text(services_.pool, request, std::move(response));
}

void RegistryRoute::learn(const Place& place, const hub::RepoId& repo,
                          const catalog::Document& manifest) {
  for (const auto& blob : blobs_of_manifest(manifest.body)) {
    const hub::FileRef file{.repo = repo, .path = blob.digest.text(), .door = hub::Door::kRegistry};
    services_.named.learn(*place.endpoint, file, {.size = blob.size});
  }
}

/// Ollama reads the file from where Location says, in ranges: from here.
Task<http::Response> RegistryRoute::blob(const http::Request& request, Place place,
                                         hub::Route asked) {
  const auto location = place.own_base + hub::resolve_path(asked.file);
  http::Headers said{{"Location", location}, {"Docker-Content-Digest", asked.file.path}};
  return files_.get(request, std::move(place), std::move(asked.file), std::move(said));
}

}  // namespace hubcache::content
