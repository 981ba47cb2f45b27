#include "info_document.h"

#include <nlohmann/json.hpp>

#include "hubcache/hub/bounded_json.h"

namespace hubcache::hub {

bool says_public(std::string_view body) {
  const auto document = bounded_json(body, 1);
  if (!document.is_object()) return false;
  const auto is_false = [&document](const char* field) {
    const auto found = document.find(field);
    return found != document.end() && found->is_boolean() && !found->get<bool>();
  };
  return is_false("private") && is_false("gated");
}

}  // namespace hubcache::hub
