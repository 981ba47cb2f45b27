#include "hubcache/access/guards.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/access/jq_path.h"
#include "hubcache/base/base64.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"

namespace hubcache::access {
namespace {

constexpr int kDeepestGuard = 8;  // composite guards may hold composite guards, even in a circle
constexpr std::string_view kToken = "validate_token=";
constexpr std::string_view kExpires = "expires=";
constexpr std::size_t kSaltBytes = 16;

std::string signature(const std::string& salt, std::string_view path, std::string_view query,
                      const std::string& secret) {
  std::string text = salt;
  (text += path) += '?';
  (text += query) += secret;
  return sha256_of(text).hex();
}

/// A query without the token, and the two values a signature is made of.
struct Signed {
  std::string query;
  std::string_view token;
  std::string_view expires;
};
Signed take_apart(std::string_view query) {
  Signed parts;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.starts_with(kToken)) {
      parts.token = pair.substr(kToken.size());
      continue;
    }
    if (pair.starts_with(kExpires)) parts.expires = pair.substr(kExpires.size());
    (parts.query += parts.query.empty() ? "" : "&") += pair;
  }
  return parts;
}

/// A kind of guard as the API knows it: the last part of its path, and Pulp's class.
struct KindName {
  std::string_view path;
  std::string_view type;
};
KindName name_of(registry::Guard::Kind kind) {
  switch (kind) {
    case registry::Guard::Kind::kRbac:
      return {.path = "rbac", .type = "RBACContentGuard"};
    case registry::Guard::Kind::kHeader:
      return {.path = "header", .type = "HeaderContentGuard"};
    case registry::Guard::Kind::kRedirect:
      return {.path = "content_redirect", .type = "ContentRedirectContentGuard"};
    case registry::Guard::Kind::kComposite:
      break;
  }
  return {.path = "composite", .type = "CompositeContentGuard"};
}

/// What one of the guards of a composite guard says, by its name and href.
std::string refusal_of(const registry::Guard& guard, const std::string& why) {
  const auto name = name_of(guard.kind);
  std::string text = "\"Guard: '" + guard.name;
  text.append("', HREF: '/pulp/api/v3/contentguards/core/")
      .append(name.path)
      .append("/")
      .append(guard.id)
      .append("/', class: '<class '");
  text.append("pulpcore.app.models.publication.").append(name.type).append("'>', denial: [");
  return text.append(why).append("].\"");
}

}  // namespace

Task<> Guards::require(std::shared_ptr<const registry::Snapshot> snapshot, std::string guard,
                       const http::Request& request) const {
  auto refusal = co_await ask(*snapshot, guard, request, 0);
  if (!refusal) co_return;
  // As a gated repo refuses: what huggingface_hub shows to its user, and does not try again.
  throw Error(Error::Kind::kForbidden, "403: " + *refusal,
              Error::HubDetail{.code = "GatedRepo", .message = *refusal});
}

Task<Guards::Refusal> Guards::ask(const registry::Snapshot& snapshot, const std::string& id,
                                  const http::Request& request, int depth) const {
  const auto* guard = snapshot.guard(id);
  if (guard == nullptr || depth > kDeepestGuard) co_return "Access denied.";
  switch (guard->kind) {
    case registry::Guard::Kind::kHeader:
      co_return ask_header(*guard, request);
    case registry::Guard::Kind::kRedirect:
      co_return ask_signature(*guard, request);
    case registry::Guard::Kind::kRbac:
      co_return co_await ask_accounts(*guard, request);
    case registry::Guard::Kind::kComposite:
      co_return co_await ask_each(snapshot, *guard, request, depth);
  }
  co_return "Access denied.";
}

Guards::Refusal Guards::ask_header(const registry::Guard& guard, const http::Request& request) {
  const auto sent = request.headers.get(guard.header_name);
  auto value = sent ? base64_decode(*sent) : std::nullopt;
  if (value && !guard.jq_filter.empty()) {
    const auto path = JqPath::parse(guard.jq_filter);
    value = path ? path->text_in(*value) : std::nullopt;
  }
  if (value && constant_time_equal(*value, guard.header_value)) return std::nullopt;
  return "Access denied.";
}

Guards::Refusal Guards::ask_signature(const registry::Guard& guard,
                                      const http::Request& request) const {
  const auto parts = take_apart(request.query());
  std::int64_t expires = 0;
  const auto* const end = parts.expires.data() + parts.expires.size();
  const auto parsed = std::from_chars(parts.expires.data(), end, expires);
  const auto colon = parts.token.find(':');
  if (parts.expires.empty() || parsed.ec != std::errc() || parsed.ptr != end ||
      colon == std::string_view::npos) {
    return "Access not authenticated";
  }
  const auto salt = from_hex(parts.token.substr(0, colon));
  const auto wanted = salt ? signature(*salt, request.path(), parts.query, guard.secret) : "";
  if (!salt || !constant_time_equal(wanted, parts.token.substr(colon + 1))) {
    return "Access not authenticated";
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch();
  if (now.count() > expires) return "Authentication expired";
  return std::nullopt;
}

Task<Guards::Refusal> Guards::ask_accounts(const registry::Guard& guard,
                                           const http::Request& request) const {
  const auto account = co_await account_of(accounts_, request);
  // Who cannot be told apart is nobody (contract/pulp.md 5.5).
  if (!account) co_return "Authentication credentials were not provided.";
  const bool may = account->role == Role::kAdmin ||
                   std::ranges::find(guard.accounts, account->id) != guard.accounts.end();
  if (may) co_return std::nullopt;
  co_return "You do not have permission to perform this action.";
}

Task<Guards::Refusal> Guards::ask_each(const registry::Snapshot& snapshot,
                                       const registry::Guard& guard, const http::Request& request,
                                       int depth) const {
  std::string refusals;
  for (const auto& id : guard.guards) {
    const auto refusal = co_await ask(snapshot, id, request, depth + 1);
    if (!refusal) co_return std::nullopt;
    const auto* one = snapshot.guard(id);
    if (one == nullptr) continue;
    (refusals += refusals.empty() ? "" : ", ") += refusal_of(*one, *refusal);
  }
  if (guard.guards.empty()) co_return std::nullopt;
  co_return "Access forbidden. Refusals: [" + refusals + "]";
}

std::string signed_query(const std::string& secret, const std::string& path, std::int64_t expires) {
  const auto salt = random_bytes(kSaltBytes);
  auto query = std::string(kExpires) + std::to_string(expires);
  const auto token = to_hex(salt) + ":" + signature(salt, path, query, secret);
  return query.append("&").append(kToken).append(token);
}

}  // namespace hubcache::access
