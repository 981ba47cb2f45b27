#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/clock.h"

namespace hubcache::app {

/// "1.2 GiB", "512 B": three digits at most and a unit.
std::string size_text(std::uint64_t bytes);
/// "0:07", "12:34", "1:02:03".
std::string time_text(std::chrono::seconds time);
/// As it can be shown on a terminal: what would command it, or is no UTF-8, is "?".
std::string printable(std::string_view text);
/// Columns that a printable text takes.
std::size_t columns_of(std::string_view text);

/// How fast something goes on, by what it did within the last seconds.
class Rate {
 public:
  /// `amount` is what has been done in all at that time; both never go back.
  void note(SteadyTime now, std::uint64_t amount);
  /// A second; nullopt until there is something to go by.
  std::optional<double> per_second() const;

 private:
  std::deque<std::pair<SteadyTime, std::uint64_t>> noted_;
};

/// Something that goes on, as one line of a display.
struct Bar {
  std::string label;
  std::uint64_t done = 0;  // bytes
  std::uint64_t size = 0;
  std::optional<double> rate{};  // bytes a second
};

/// How a terminal is.
struct Look {
  std::size_t width = 80;
  bool utf8 = true;
};

/// The line of it: label, bar, percentage, bytes, rate and time left, as many as fit; one column
/// less than the terminal is wide.
std::string line_of(const Bar& bar, const Look& look);

/// Lines at the end of what standard error shows, drawn anew again and again. Something else is
/// printed between clear() and restore(), and stays above them. For one thread.
class Screen {
 public:
  /// Is there a terminal that can do that?
  static bool is_there();
  Screen();
  ~Screen() { clear(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Its size may have changed.
  Look look() const;
  static std::size_t height();
  void draw(std::vector<std::string> lines);
  void clear();
  void restore();

 private:
  bool utf8_;
  std::vector<std::string> lines_;
  std::size_t shown_ = 0;  // of them, above the cursor
};

}  // namespace hubcache::app
