#include "dates.h"

#include <array>
#include <cstdint>
#include <ctime>

#include <nlohmann/json.hpp>

namespace hubcache::app {

std::string date_of(const nlohmann::json& seconds) {
  if (seconds.is_null()) return "never";
  const auto time = static_cast<std::time_t>(seconds.get<std::int64_t>());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, sizeof "2026-01-01 00:00"> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts);
  return text.data();
}

}  // namespace hubcache::app
