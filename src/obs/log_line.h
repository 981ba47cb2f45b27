#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/obs/log.h"

namespace hubcache::obs {

/// Appends one event as a line that ends in a newline and has no other.
/// Text: `2026-01-31T12:00:00.000Z info event key=value key="quoted value"`.
/// JSON: one object with "time", "level", "event" and the fields.
void append_line(std::string& out, Format format, WallTime time, Level level,
                 std::string_view event, const Field* fields, std::size_t count);

std::string_view name_of(Level level);

/// What tells the journal how important the line is that follows: `<6>` (sd-daemon(3)).
void append_priority(std::string& out, Level level);

}  // namespace hubcache::obs
