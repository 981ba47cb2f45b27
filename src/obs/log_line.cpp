#include "log_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "hubcache/base/every_byte.h"

namespace hubcache::obs {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_digits(std::string& out, unsigned value, unsigned width) {
  std::array<char, 10> digits{};
  for (unsigned i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), width);
}

// The length of the printable character that `text` begins with, or 0 when its first byte is a
// control or no UTF-8. C1 controls count as controls: terminals obey them.
std::size_t printable_prefix(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  std::size_t size = 2;
  if (lead >= 0xe0) size = lead >= 0xf0 ? 4 : 3;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if (lead == 0xc2 && second < 0xa0) return 0;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second >= 0xa0;
  const bool beyond = lead == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : size;
}

void append_hex(std::string& out, std::string_view prefix, unsigned char byte) {
  out += prefix;
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 0xf];
}

void append_quoted(std::string& out, std::string_view text, Format format) {
  out += '"';
  while (!text.empty()) {
    std::size_t size = printable_prefix(text);
    const char first = text.front();
    if (first == '"' || first == '\\') {
      out += '\\';
      out += first;
    } else if (size > 0) {
      out += text.substr(0, size);
    } else if (first == '\n') {
      out += "\\n";
    } else if (format == Format::kText) {
      append_hex(out, "\\x", static_cast<unsigned char>(first));
    } else {
      const auto byte = static_cast<unsigned char>(first);
      if (byte < 0x80) {
        append_hex(out, "\\u00", byte);
      } else {
        out += "\\ufffd";
      }
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out += '"';
}

bool is_plain(std::string_view value) {
  const auto needs_no_quotes = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
  // Apart, for is_every_byte().
  return !value.empty() && is_every_byte(value, needs_no_quotes) &&
         value.find('=') == std::string_view::npos;
}

// "nan" and "inf" are numbers to us, but not to JSON.
bool is_json_number(const Field& field) {
  const auto value = field.value();
  return field.is_number() && !value.empty() && value.back() >= '0' && value.back() <= '9';
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
    case Level::kOff:
      return "off";
  }
  return "off";
}

std::string_view TimeText::at(WallTime time) {
  constexpr std::size_t kMillisecondsAt = 20;
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_ || text_.empty()) {
    second_ = second;
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(second - day);
    text_.clear();
    append_digits(text_, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    text_ += '-';
    append_digits(text_, static_cast<unsigned>(date.month()), 2);
    text_ += '-';
    append_digits(text_, static_cast<unsigned>(date.day()), 2);
    text_ += 'T';
    append_digits(text_, static_cast<unsigned>(clock.hours().count()), 2);
    text_ += ':';
    append_digits(text_, static_cast<unsigned>(clock.minutes().count()), 2);
    text_ += ':';
    append_digits(text_, static_cast<unsigned>(clock.seconds().count()), 2);
    text_ += '.';
  }
  text_.resize(kMillisecondsAt);
  append_digits(text_, static_cast<unsigned>((time - second).count()), 3);
  text_ += 'Z';
  return text_;
}

void append_priority(std::string& out, Level level) {
  switch (level) {
    case Level::kDebug:
      out += "<7>";
      return;
    case Level::kInfo:
      out += "<6>";
      return;
    case Level::kWarn:
      out += "<4>";
      return;
    case Level::kError:
    case Level::kOff:
      out += "<3>";
      return;
  }
}

void append_line(std::string& out, Format format, std::string_view time, Level level,
                 std::string_view event, const Field* fields, std::size_t count) {
  if (format == Format::kText) {
    out += time;
    out += ' ';
    out += name_of(level);
    out += ' ';
    out += event;
    for (const Field* field = fields; field != fields + count; ++field) {
      out += ' ';
      out += field->key();
      out += '=';
      if (field->is_number() || is_plain(field->value())) {
        out += field->value();
      } else {
        append_quoted(out, field->value(), format);
      }
    }
  } else {
    out += R"({"time":")";
    out += time;
    out += R"(","level":")";
    out += name_of(level);
    out += R"(","event":)";
    append_quoted(out, event, format);
    for (const Field* field = fields; field != fields + count; ++field) {
      out += ',';
      append_quoted(out, field->key(), format);
      out += ':';
      if (is_json_number(*field)) {
        out += field->value();
      } else {
        append_quoted(out, field->value(), format);
      }
    }
    out += '}';
  }
  out += '\n';
}

}  // namespace hubcache::obs
