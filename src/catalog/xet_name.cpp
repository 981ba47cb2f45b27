#include "xet_name.h"

namespace hubcache::catalog {

std::string xet_name(std::string_view told, const Digest& digest) {
  const auto hash = Digest::parse(Digest::Algorithm::kSha256, told);
  return hash ? hash->hex() : digest.hex();
}

}  // namespace hubcache::catalog
