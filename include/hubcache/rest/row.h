#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/rest/json.h"

namespace hubcache::rest {

/// An object as it is kept. Times are microseconds since 1970.
struct Row {
  std::string id;  // a UUID, version 7
  std::string name;
  std::int64_t created = 0;
  std::int64_t updated = 0;
  std::uint64_t epoch = 1;
  Json doc = Json::object();  // values of its fields, secrets in clear
};

}  // namespace hubcache::rest
