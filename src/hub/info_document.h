#pragma once

#include <string_view>

namespace hubcache::hub {

/// Does an info document say that everybody may read the repo? Not what is no such document.
bool says_public(std::string_view body);

}  // namespace hubcache::hub
