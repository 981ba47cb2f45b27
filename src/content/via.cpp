#include "hubcache/content/via.h"

#include <algorithm>
#include <cstddef>

#include "hubcache/base/error.h"
#include "hubcache/base/text.h"

namespace hubcache::content {
namespace {

constexpr std::size_t kMaxHubcaches = 8;
constexpr std::string_view kProtocol = "1.1 ";

/// Is it an instance id, as app makes them?
bool is_instance_id(std::string_view text) {
  constexpr std::size_t kDigits = 16;
  return text.size() == kDigits && is_lower_hex(text);
}

}  // namespace

std::string via_hubcaches(const http::Request& request, std::string_view instance_id) {
  std::string via;
  std::size_t count = 0;
  for (auto hops : request.headers.all("Via")) {
    if (hops.find(instance_id) != std::string_view::npos) {
      throw Error(Error::Kind::kLoop, "this request came from this very server");
    }
    while (!hops.empty()) {
      const auto end = std::min(hops.find(','), hops.size());
      auto hop = hops.substr(0, end);
      hops.remove_prefix(std::min(end + 1, hops.size()));
      hop.remove_prefix(std::min(hop.find_first_not_of(' '), hop.size()));
      if (!hop.starts_with(kProtocol)) continue;
      hop.remove_prefix(kProtocol.size());
      if (!is_instance_id(hop)) continue;
      if (++count > kMaxHubcaches) {
        throw Error(Error::Kind::kLoop, "this request came through too many caches");
      }
      via += kProtocol;
      via += hop;
      via += ", ";
    }
  }
  return via;
}

}  // namespace hubcache::content
