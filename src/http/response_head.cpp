#include "response_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <span>
#include <utility>

#include "fields.h"

namespace hubcache::http {
namespace {

constexpr std::array<std::string_view, 7> kOurs{
    "Connection", "Keep-Alive", "Transfer-Encoding", "Date", "Server", "X-Request-Id", "Upgrade"};

constexpr std::size_t kUsualLines = 640;
constexpr std::string_view kLineEnd = "\r\n";

bool is_ours(std::string_view name) {
  return std::ranges::any_of(kOurs,
                             [name](std::string_view ours) { return same_name(name, ours); });
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits{};
  const auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_two(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10);
  out += static_cast<char>('0' + value % 10);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += kLineEnd;
}

/// What is not the connection's: the handler's fields, and how long the body is.
void append_lines(std::string& out, const Response& response, HeadOptions options) {
  const bool without_body = options.to_head || !may_have_body(response.status);
  bool length_known = false;
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    const auto [name, value] = response.headers[i];
    if (is_ours(name)) continue;
    if (same_name(name, "Content-Length")) {
      if (!without_body || length_known || response.status == 204) continue;
      length_known = true;
    }
    append_field(out, name, value);
  }
  if (length_known || !may_have_body(response.status)) return;
  if (const auto length = length_of(response.body)) {
    append_field(out, "Content-Length", std::to_string(*length));
  } else if (!options.to_http_1_0) {
    append_field(out, "Transfer-Encoding", "chunked");
  }
}

}  // namespace

std::string http_date(WallTime time) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = kDays[std::chrono::weekday(day).c_encoding()];
  text += ", ";
  append_two(text, static_cast<unsigned>(date.day()));
  ((text += ' ') += kMonths[static_cast<unsigned>(date.month()) - 1]) += ' ';
  text += std::to_string(static_cast<int>(date.year()));
  text += ' ';
  append_two(text, static_cast<unsigned>(clock.hours().count()));
  text += ':';
  append_two(text, static_cast<unsigned>(clock.minutes().count()));
  text += ':';
  append_two(text, static_cast<unsigned>(clock.seconds().count()));
  return text += " GMT";
}

std::string_view DateLine::at(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  if (second != second_) {
    second_ = second;
    text_ = http_date(time);
  }
  return text_;
}

std::optional<std::uint64_t> length_of(const Body& body) {
  if (const auto text = text_of(body)) return text->size();
  if (const auto* file = std::get_if<FileSpan>(&body)) return file->length;
  if (const auto* source = std::get_if<std::unique_ptr<SpanSource>>(&body))
    return (*source)->size();
  return 0;
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string header_lines(const Response& response, bool to_head) {
  std::string lines;
  append_lines(lines, response, {.to_head = to_head});
  return lines;
}

void HeaderLines::add(std::string_view name, std::string_view value) {
  if (text_.empty()) text_.reserve(kUsualLines);
  append_field(text_, name, value);
  blank_breaks(std::span(text_).last(value.size() + kLineEnd.size()).first(value.size()));
}

std::shared_ptr<const std::string> HeaderLines::take() {
  return std::make_shared<const std::string>(std::move(text_));
}

void append_head(std::string& out, const Response& response, std::string_view request_id,
                 std::string_view date, HeadOptions options) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason_of(response.status);
  out += "\r\n";
  if (response.made_before) {
    out += *response.made_before;
  } else {
    append_lines(out, response, options);
  }
  append_field(out, "Date", date);
  append_field(out, "Server", "hubcache");
  append_field(out, "X-Request-Id", request_id);
  if (options.close) {
    append_field(out, "Connection", "close");
  } else if (options.to_http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  out += "\r\n";
}

}  // namespace hubcache::http
