#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hubcache/base/task.h"

namespace hubcache::access {

/// Lets one at a time ask about a key while others wait for what it learns. Belongs to a worker.
class Turns {
 public:
  /// Held by the one who asks; others go on when it goes.
  class Turn;

  /// A turn when nobody has it; else null, when the one who had it is done.
  Task<std::shared_ptr<Turn>> take_or_wait(std::string key);

 private:
  void forget_ended();

  std::unordered_map<std::string, std::weak_ptr<Turn>> taken_;
};

}  // namespace hubcache::access
