#include "fields.h"

#include <algorithm>
#include <array>

#include "hubcache/base/every_byte.h"
#include "hubcache/base/text.h"

namespace hubcache::http {
namespace {

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}

constexpr std::array<bool, 256> kTokenTable = token_table();

bool is_token_char(char c) { return kTokenTable[static_cast<unsigned char>(c)]; }

bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::size_t> find_head_end(std::string_view text, Problem& problem) {
  problem = nullptr;
  std::size_t begin = 0;  // of a line
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    const auto line = text.substr(begin, end - begin);
    const auto cr = std::min(line.find('\r'), line.size());
    const bool goes_on = end == std::string_view::npos;
    const bool is_bare = goes_on ? cr + 1 < line.size() : cr + 1 != line.size();
    if (is_bare) {
      problem = "a line must end in CR LF";
      return std::nullopt;
    }
    if (goes_on) return std::nullopt;
    if (line.size() == 1 && begin > 0) return end + 1;
    begin = end + 1;
  }
  return std::nullopt;
}

std::string_view take_line(std::string_view& block) {
  const auto end = std::min(block.find('\r'), block.size());
  const auto line = block.substr(0, end);
  block.remove_prefix(std::min(end + 2, block.size()));
  return line;
}

void blank_breaks(std::span<char> value) {
  const auto is_break = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::ranges::replace_if(value, is_break, ' ');
}

Problem read_fields(std::string_view block, Headers& into) {
  while (true) {
    const auto line = take_line(block);
    if (line.empty()) return nullptr;
    if (line.front() == ' ' || line.front() == '\t') return "a header field is folded";
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return "a header field has no colon";
    if (!is_token(line.substr(0, colon))) return "a header field has a bad name";
    const auto value = trimmed(line.substr(colon + 1));
    if (!is_every_byte(value, is_value_char)) {
      return "a header field has a control character";
    }
    into.append(line.substr(0, colon), value);
  }
}

Problem read_framing(const Headers& headers, bool http_1_0, Framing& into) {
  const auto encoding = headers.get("Transfer-Encoding");
  const auto length = headers.get("Content-Length");
  if (encoding) {
    if (http_1_0) return "Transfer-Encoding in HTTP/1.0";
    if (length) return "both Transfer-Encoding and Content-Length";
    if (headers.count("Transfer-Encoding") > 1 || !same_name(*encoding, "chunked")) {
      return "unknown Transfer-Encoding";
    }
    into.chunked = true;
  }
  if (length) {
    if (headers.count("Content-Length") > 1) return "more than one Content-Length";
    if (!is_digits(*length) || length->size() > 18) return "bad Content-Length";
    std::uint64_t size = 0;
    for (const char c : *length) size = size * 10 + static_cast<std::uint64_t>(c - '0');
    into.content_length = size;
  }
  return nullptr;
}

bool list_has(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (same_name(trimmed(list.substr(0, end)), token)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace hubcache::http
