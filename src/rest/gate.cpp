#include "hubcache/rest/gate.h"

#include <algorithm>

#include "hubcache/base/digest.h"
#include "hubcache/base/text.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {
bool accepts_json(const http::Request& request) {
  const auto accept = request.headers.get("Accept");
  if (!accept || trimmed(*accept).empty()) return true;
  auto rest = *accept;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto range = rest.substr(0, end);
    const auto type = lower_case(trimmed(range.substr(0, range.find(';'))));
    if (type == "*/*" || type == "application/*" || type == "application/json" ||
        type == "text/html") {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

bool is_foreign(const http::Request& request, std::string_view own_base) {
  if (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS") {
    return false;
  }
  const auto site = request.headers.get("Sec-Fetch-Site").value_or("none");
  if (site != "none" && site != "same-origin") return true;
  const auto origin = request.headers.get("Origin");
  return origin && lower_case(*origin) != lower_case(own_base);
}

std::string correlation_id_of(const http::Request& request) {
  const auto sent = request.headers.get("Correlation-ID");
  if (sent && canonical_uuid(*sent)) return std::string(*sent);
  return to_hex(random_bytes(16));
}

}  // namespace hubcache::rest
