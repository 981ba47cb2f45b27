#pragma once

#include <string>

#include "hubcache/http/headers.h"

namespace hubcache::access {

/// What an Authorization header says, before anybody looks whether it is true.
struct Credentials {
  bool given = false;     // Basic; other schemes count as none
  std::string complaint;  // set: the header cannot be read
  std::string name;
  std::string password;
};
Credentials read_basic(const http::Headers& headers);

}  // namespace hubcache::access
