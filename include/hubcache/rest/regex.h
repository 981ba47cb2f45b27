#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hubcache::rest {

/// A regular expression matched without backtracking: time is pattern times text, whatever the
/// pattern (SECURITY 15). Knows . [] () (?:) | * + ? {m,n} ^ $ and \d \w \s with their opposites;
/// back references and look-around are refused. Works on code points of UTF-8.
class Regex {
 public:
  /// nullopt for what cannot be understood, or would be too large.
  static std::optional<Regex> compile(std::string_view pattern, bool ignore_case);
  /// Does it match anywhere in the text?
  bool found_in(std::string_view text) const;

  struct Range {
    char32_t first;
    char32_t last;
  };
  struct Step {
    enum class Kind : std::uint8_t { kAny, kSet, kBegin, kEnd, kSplit, kJump, kMatch };
    Kind kind = Kind::kMatch;
    std::vector<Range> ranges = {};
    bool negated = false;
    std::size_t next = 0;   // kSplit, kJump: where it goes on...
    std::size_t other = 0;  // ...and kSplit: the other way
  };

 private:
  explicit Regex(std::vector<Step> steps, bool ignore_case)
      : steps_(std::move(steps)), ignore_case_(ignore_case) {}
  void follow(std::size_t step, bool at_begin, bool at_end, std::vector<std::size_t>& set,
              std::vector<bool>& seen) const;

  std::vector<Step> steps_;
  bool ignore_case_;
};

}  // namespace hubcache::rest
