#pragma once

#include <string>

#include "hubcache/http/headers.h"

namespace hubcache::access {

/// What an Authorization header says, before anybody looks whether it is true.
struct Credentials {
  bool given = false;     // Basic, or a Bearer with a token of ours; all else counts as none
  std::string complaint;  // set: the header cannot be read
  std::string name;
  std::string password;
  std::string token;  // set: an access token, in place of name and password
};
Credentials read_credentials(const http::Headers& headers);

}  // namespace hubcache::access
