#include "router.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "hubcache/rest/stamps.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kId = "{id}";

/// Takes the first segment, with its slash if there is one.
std::string_view take_segment(std::string_view& path) {
  const auto slash = path.find('/');
  const auto size = slash == std::string_view::npos ? path.size() : slash + 1;
  const auto segment = path.substr(0, size);
  path.remove_prefix(size);
  return segment;
}

std::optional<std::string> value_of(std::string_view wildcard, std::string_view text) {
  if (wildcard == kId) return canonical_uuid(text);
  constexpr std::size_t kLongest = 18;  // of a "{number}"
  const bool is_number = !text.empty() && text.size() <= kLongest &&
                         text.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number ? std::optional(std::string(text)) : std::nullopt;
}

/// How the path fits the route; a null route when it does not.
Routed fit(const Route& route, std::string_view path, std::size_t& wildcards) {
  Routed routed{.route = &route};
  std::string_view pattern = route.path;
  while (!pattern.empty() && !path.empty()) {
    auto wanted = take_segment(pattern);
    auto segment = take_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != segment) return {};
      continue;
    }
    if (!segment.ends_with('/') || segment.size() == 1) return {};
    wanted.remove_suffix(1);
    segment.remove_suffix(1);
    auto value = value_of(wanted, segment);
    if (!value) routed.can_be = false;
    if (wildcards > 0) routed.parent = std::move(routed.id);
    routed.id = value ? std::move(*value) : std::string();
    ++wildcards;
  }
  return pattern.empty() && path.empty() ? routed : Routed{};
}

}  // namespace

Call call_of(const Exchange& exchange) {
  return {.request = exchange.request,
          .parent = exchange.parent,
          .id = exchange.id,
          .caller = exchange.caller,
          .correlation_id = exchange.correlation_id,
          .base = exchange.base};
}

const RouteHandler* Route::handler(std::string_view method) const {
  if (method == "HEAD" && has_head) method = "GET";
  for (const auto& [name, handle] : handlers) {
    if (name == method) return &handle;
  }
  return nullptr;
}

std::string Route::allow() const {
  std::string text;
  for (const std::string_view method : {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}) {
    const bool is_there = handler(method) != nullptr && (has_head || method != "HEAD");
    if (is_there) (text += text.empty() ? "" : ", ") += method;
  }
  return text + (text.empty() ? "OPTIONS" : ", OPTIONS");
}

Route& Router::at(std::string_view path) {
  for (auto& route : routes_) {
    if (route.path == path) return route;
  }
  return routes_.emplace_back(Route{.path = std::string(path)});
}

Routed Router::find(std::string_view below) const {
  Routed best;
  std::size_t fewest = 0;
  for (const auto& route : routes_) {
    std::size_t wildcards = 0;
    auto routed = fit(route, below, wildcards);
    if (routed.route == nullptr || (best.route != nullptr && wildcards >= fewest)) continue;
    best = std::move(routed);
    fewest = wildcards;
  }
  return best;
}

}  // namespace hubcache::rest
