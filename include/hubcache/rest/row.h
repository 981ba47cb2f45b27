#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/rest/json.h"

namespace hubcache::rest {

/// An object as it is kept. Times are microseconds since 1970.
struct Row {
  std::string id;    // a UUID, version 7; a number for some kinds that are not kept in `resources`
  std::string kind;  // set by the store: what it is...
  std::string type;  // ...and as Pulp calls that
  std::string name;
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::uint64_t epoch = 1;
  Json doc = Json::object();  // values of its fields, secrets in clear
};

}  // namespace hubcache::rest
