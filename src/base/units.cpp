#include "hubcache/base/units.h"

#include <array>
#include <charconv>
#include <utility>

namespace hubcache {
namespace {

struct Quantity {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Quantity> split(std::string_view text) {
  Quantity quantity{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  quantity.unit = text;
  return quantity;
}

template <std::size_t N>
std::optional<std::uint64_t> scale(
    std::string_view text, const std::array<std::pair<std::string_view, std::uint64_t>, N>& units) {
  const auto quantity = split(text);
  if (!quantity) return std::nullopt;
  if (quantity->number == 0 && quantity->unit.empty()) return 0;
  for (const auto& [unit, factor] : units) {
    std::uint64_t value = 0;
    if (unit != quantity->unit) continue;
    if (__builtin_mul_overflow(quantity->number, factor, &value)) return std::nullopt;
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::array kSizes{
    Unit{"B", 1},
    Unit{"kB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"KiB", 1ULL << 10U},
    Unit{"MiB", 1ULL << 20U},
    Unit{"GiB", 1ULL << 30U},
    Unit{"TiB", 1ULL << 40U},
};
constexpr std::array kDurations{
    Unit{"ms", 1},        Unit{"s", 1'000},      Unit{"min", 60'000},
    Unit{"h", 3'600'000}, Unit{"d", 86'400'000},
};

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) { return scale(text, kSizes); }

std::optional<SizeOrShare> parse_size_or_share(std::string_view text) {
  constexpr std::uint64_t kWhole = 100;
  const auto quantity = split(text);
  if (quantity && quantity->unit == "%") {
    if (quantity->number == 0 || quantity->number > kWhole) return std::nullopt;
    return SizeOrShare{.bytes = 0, .percent = static_cast<unsigned>(quantity->number)};
  }
  const auto bytes = parse_size(text);
  if (!bytes) return std::nullopt;
  return SizeOrShare{.bytes = *bytes};
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = scale(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

}  // namespace hubcache
