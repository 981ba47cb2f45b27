#pragma once

#include <string>
#include <string_view>

#include "hubcache/base/digest.h"

namespace hubcache::catalog {

/// What Xet calls a LFS file: as the Hub told, or when it told nothing of use (the 64 "*" of a
/// gated repo), its digest. So it is a function of the content: clients keep files by it, across
/// repos (contract/xet.md).
std::string xet_name(std::string_view told, const Digest& digest);

}  // namespace hubcache::catalog
