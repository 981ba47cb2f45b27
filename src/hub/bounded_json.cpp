#include "hubcache/hub/bounded_json.h"

#include <cstddef>

#include <nlohmann/json.hpp>

namespace hubcache::hub {
namespace {

using nlohmann::json;

constexpr std::size_t kMostValues = 200'000;

struct BeyondBounds {};

}  // namespace

json bounded_json(std::string_view text, int keep_depth) {
  std::size_t values = 0;
  const auto keep = [&](int depth, json::parse_event_t event, json& /*value*/) {
    const bool begins =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (begins && depth >= kDeepestJson) throw BeyondBounds{};
    if (begins && depth >= keep_depth) return false;
    if ((begins || event == json::parse_event_t::value) && ++values > kMostValues) {
      throw BeyondBounds{};
    }
    return true;
  };
  try {
    return json::parse(text, keep, false);
  } catch (const BeyondBounds&) {
    json none(json::value_t::discarded);  // braces would make it a list
    return none;
  }
}

}  // namespace hubcache::hub
