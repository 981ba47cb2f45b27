#include "hubcache/app/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hubcache/base/text.h"

namespace hubcache::app {
namespace {

constexpr std::chrono::seconds kRateWindow{8};
constexpr std::size_t kFewestColumns = 40;
constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kUsualLines = 24;
constexpr std::size_t kNumbersFrom = 72;  // columns from which on all numbers are shown
constexpr std::uint64_t kStep = 1024;

/// The first character of `text`: how many bytes it takes, and its code point; 0 bytes when it is
/// no UTF-8.
struct Character {
  std::size_t bytes = 0;
  char32_t code = 0;
};

Character first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {.bytes = 1, .code = lead};
  const std::size_t bytes = 2 + (lead >= 0xE0 ? 1 : 0) + (lead >= 0xF0 ? 1 : 0);
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  char32_t code = lead & (0x7FU >> bytes);
  for (const char c : text.substr(1, bytes - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80) return {};
    code = (code << 6U) | (byte & 0x3FU);
  }
  return {.bytes = bytes, .code = code};
}

/// Controls, and what turns the direction of writing round.
bool is_harmful(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

std::size_t columns_of_code(char32_t code) {
  const auto within = [code](char32_t first, char32_t last) {
    return code >= first && code <= last;
  };
  if (within(0x300, 0x36F) || within(0xFE00, 0xFE0F)) return 0;
  const bool wide = within(0x1100, 0x115F) || within(0x2E80, 0xA4CF) || within(0xAC00, 0xD7A3) ||
                    within(0xF900, 0xFAFF) || within(0xFE30, 0xFE6F) || within(0xFF00, 0xFF60) ||
                    within(0x1F300, 0x1FAFF) || within(0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

/// The end of a name tells more than its begin.
std::string fitted(const std::string& label, std::size_t width) {
  auto text = printable(label);
  auto columns = columns_of(text);
  if (columns <= width) return text + std::string(width - columns, ' ');
  while (columns + 2 > width && !text.empty()) {
    const auto first = first_of(text);
    columns -= columns_of_code(first.code);
    text.erase(0, first.bytes);
  }
  return ".." + text + std::string(width - std::min(width, columns + 2), ' ');
}

std::string bar_text(double share, std::size_t width, bool utf8) {
  const auto eighths = static_cast<std::size_t>(share * static_cast<double>(width) * 8);
  const auto whole = eighths / 8;
  std::string text;
  if (!utf8) {
    text.assign(whole, '#');
    return text + std::string(width - whole, '-');
  }
  constexpr std::array kParts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  for (std::size_t i = 0; i < whole; ++i) text += "█";
  if (whole == width) return text;
  text += kParts.at(eighths % 8);
  return text + std::string(width - whole - (eighths % 8 == 0 ? 0U : 1U), ' ');
}

std::string time_left(const Bar& bar) {
  constexpr double kLongest = 360'000;  // 100 hours
  if (bar.done >= bar.size) return "";
  if (!bar.rate || *bar.rate < 1) return "-:--";
  const double seconds = static_cast<double>(bar.size - bar.done) / *bar.rate;
  if (seconds >= kLongest) return "-:--";
  return time_text(std::chrono::seconds(std::lround(std::ceil(seconds))));
}

winsize size_of_terminal() {
  winsize size{};
  ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
  return size;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool takes_utf8() {
  for (const auto* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = lower_case(variable(name));
    if (!value.empty())
      return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  constexpr double kTooLong = 999.5;
  if (bytes < kStep) return fmt::format("{} B", bytes);
  auto amount = static_cast<double>(bytes) / kStep;
  std::size_t unit = 0;
  for (; amount >= kTooLong && unit + 1 < kUnits.size(); ++unit) amount /= kStep;
  constexpr double kTwoDigits = 9.95;
  return fmt::format("{:.{}f} {}", amount, amount < kTwoDigits ? 1 : 0, kUnits.at(unit));
}

std::string time_text(std::chrono::seconds time) {
  const auto all = time.count();
  if (all < 3600) return fmt::format("{}:{:02}", all / 60, all % 60);
  return fmt::format("{}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60);
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto first = first_of(text);
    const bool harmful = first.bytes == 0 || is_harmful(first.code);
    shown += harmful ? "?" : text.substr(0, first.bytes);
    text.remove_prefix(std::max<std::size_t>(first.bytes, 1));
  }
  return shown;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto first = first_of(text);
    columns += first.bytes == 0 ? 1 : columns_of_code(first.code);
    text.remove_prefix(std::max<std::size_t>(first.bytes, 1));
  }
  return columns;
}

void Rate::note(SteadyTime now, std::uint64_t amount) {
  noted_.emplace_back(now, amount);
  while (noted_.size() > 2 && now - noted_[1].first >= kRateWindow) noted_.pop_front();
}

std::optional<double> Rate::per_second() const {
  if (noted_.size() < 2) return std::nullopt;
  const std::chrono::duration<double> time = noted_.back().first - noted_.front().first;
  if (time.count() <= 0) return std::nullopt;
  return static_cast<double>(noted_.back().second - noted_.front().second) / time.count();
}

std::string line_of(const Bar& bar, const Look& look) {
  const std::size_t width = std::max(look.width, kFewestColumns) - 1;
  const double share = bar.size == 0 ? 1.0
                                     : static_cast<double>(std::min(bar.done, bar.size)) /
                                           static_cast<double>(bar.size);
  auto numbers = fmt::format(" {:3d}%", static_cast<int>(share * 100));
  if (width + 1 >= kNumbersFrom) {
    const auto rate = bar.rate ? size_text(static_cast<std::uint64_t>(*bar.rate)) + "/s" : "";
    numbers += fmt::format("  {:>8} of {:<8}  {:>10}  {:>8}", size_text(bar.done),
                           size_text(bar.size), rate, time_left(bar));
  }
  const std::size_t left = width - numbers.size() - 1;
  const std::size_t for_bar = std::clamp<std::size_t>(left / 3, 5, 30);
  return fitted(bar.label, left - for_bar) + " " + bar_text(share, for_bar, look.utf8) + numbers;
}

bool Screen::is_there() {
  const auto terminal = variable("TERM");
  return ::isatty(STDERR_FILENO) == 1 && !terminal.empty() && terminal != "dumb";
}

Screen::Screen() : utf8_(takes_utf8()) {}

Look Screen::look() const {
  const auto columns = size_of_terminal().ws_col;
  return {.width = columns != 0 ? columns : kUsualColumns, .utf8 = utf8_};
}

std::size_t Screen::height() {
  const auto lines = size_of_terminal().ws_row;
  return lines != 0 ? lines : kUsualLines;
}

void Screen::draw(std::vector<std::string> lines) {
  lines_ = std::move(lines);
  restore();
}

void Screen::clear() {
  if (shown_ > 0) std::cerr << fmt::format("\x1b[{}A\r\x1b[J", shown_) << std::flush;
  shown_ = 0;
}

/// In one go, over what is shown, so that nothing flickers.
void Screen::restore() {
  std::string text;
  if (shown_ > 0) text = fmt::format("\x1b[{}A", shown_);
  for (const auto& line : lines_) text += "\r" + line + "\x1b[K\n";
  if (lines_.size() < shown_) text += "\x1b[J";
  std::cerr << text << std::flush;
  shown_ = lines_.size();
}

}  // namespace hubcache::app
