#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/obs/log.h"

namespace hubcache::obs {

/// A time as lines have it, of which all but the end is made once a second.
class TimeText {
 public:
  /// "2026-01-31T12:00:00.000Z"; good until the next call.
  std::string_view at(WallTime time);

 private:
  std::chrono::sys_seconds second_{};
  std::string text_;  // of that second; empty at first
};

/// Appends one event as a line that ends in a newline and has no other.
/// Text: `2026-01-31T12:00:00.000Z info event key=value key="quoted value"`.
/// JSON: one object with "time", "level", "event" and the fields.
void append_line(std::string& out, Format format, std::string_view time, Level level,
                 std::string_view event, const Field* fields, std::size_t count);

std::string_view name_of(Level level);

/// What tells the journal how important the line is that follows: `<6>` (sd-daemon(3)).
void append_priority(std::string& out, Level level);

}  // namespace hubcache::obs
