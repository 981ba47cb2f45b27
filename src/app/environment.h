#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hubcache::app {

/// What a variable is set to among "NAME=value" texts; "" when it is not.
std::string value_of(const std::vector<std::string>& environment, std::string_view name);

}  // namespace hubcache::app
