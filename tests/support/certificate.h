#pragma once

#include <string>

namespace hubcache::test {

/// PEM texts.
struct Certificate {
  std::string pem;
  std::string key;
};

/// A certificate that vouches for itself and for `names`, as in "DNS:localhost"; for an hour. Its
/// subject's common name is `common`.
Certificate certificate_for(const std::string& names, const std::string& common = "hubcache test");

}  // namespace hubcache::test
