#include "request_head.h"

#include <algorithm>
#include <charconv>

#include "hubcache/base/error.h"
#include "hubcache/http/url.h"

namespace hubcache::http {
namespace {

[[noreturn]] void refuse(const char* why) { throw Error(Error::Kind::kBadRequest, why); }

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// Cuts the next line off; lines end with CR LF and nothing else.
std::string_view take_line(std::string_view& block) {
  const auto end = block.find('\n');
  if (end == std::string_view::npos || end == 0 || block[end - 1] != '\r') {
    refuse("a line does not end with CR LF");
  }
  const auto line = block.substr(0, end - 1);
  if (line.find('\r') != std::string_view::npos) refuse("a stray CR");
  block.remove_prefix(end + 1);
  return line;
}

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto item = trimmed(list.substr(0, list.find(',')));
    if (same_name(item, word)) return true;
    const auto comma = list.find(',');
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

/// Origin form as it is; absolute form without its scheme and authority, which must be the Host's.
std::string target_of(std::string_view target, const Headers& headers) {
  if (target.starts_with('/')) return std::string(target);
  if (target == "*") return "*";
  const auto url = Url::parse(target);
  const auto host = headers.get("Host");
  if (!url || (host && url->authority() != *host)) refuse("the request target is malformed");
  return url->target();
}

void check_target(std::string_view target) {
  for (const char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '#') refuse("the request target is malformed");
  }
}

}  // namespace

void parse_fields(std::string_view block, Headers& headers) {
  while (true) {
    const auto line = take_line(block);
    if (line.empty()) return;
    if (line.front() == ' ' || line.front() == '\t') refuse("a folded header field");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) refuse("a header field without a colon");
    const auto name = line.substr(0, colon);
    if (!is_token(name)) refuse("a malformed header field name");
    const auto value = trimmed(line.substr(colon + 1));
    if (std::ranges::any_of(value, is_control)) refuse("a control character in a header field");
    headers.add(name, value);
  }
}

Framing framing_of(const Headers& headers) {
  Framing framing;
  const auto codings = headers.all("Transfer-Encoding");
  const auto lengths = headers.all("Content-Length");
  if (!codings.empty()) {
    if (codings.size() > 1 || !same_name(codings.front(), "chunked")) {
      refuse("an unknown Transfer-Encoding");
    }
    if (!lengths.empty()) refuse("both Transfer-Encoding and Content-Length");
    framing.chunked = true;
    return framing;
  }
  for (const auto text : lengths) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
      refuse("a malformed Content-Length");
    }
    if (framing.length && *framing.length != value) refuse("conflicting Content-Length fields");
    framing.length = value;
  }
  if (lengths.size() > 1) refuse("more than one Content-Length");
  return framing;
}

RequestHead parse_request_head(std::string_view block, std::size_t max_target) {
  RequestHead head;
  const auto line = take_line(block);
  const auto space = line.find(' ');
  const auto last = line.rfind(' ');
  if (space == std::string_view::npos || last == space) refuse("the request line is malformed");
  const auto target = line.substr(space + 1, last - space - 1);
  if (target.size() > max_target) {
    throw Error(Error::Kind::kUriTooLong, "the request target is too long");
  }
  head.request.method = std::string(line.substr(0, space));
  if (!is_token(head.request.method)) refuse("the method is malformed");
  const auto version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") refuse("only HTTP/1.1 and 1.0 are spoken");
  head.http_1_0 = version == "HTTP/1.0";
  check_target(target);

  auto& headers = head.request.headers;
  parse_fields(block, headers);
  const auto hosts = headers.all("Host");
  if (hosts.size() > 1) refuse("more than one Host");
  if (hosts.empty() && !head.http_1_0) refuse("no Host");
  if (!hosts.empty() && hosts.front().find_first_of(" \t/@,\\?#\"<>") != std::string_view::npos) {
    refuse("a malformed Host");
  }
  if (headers.count("Authorization") > 1) refuse("more than one Authorization");
  head.request.target = target_of(target, headers);
  head.framing = framing_of(headers);
  if (head.framing.chunked && head.http_1_0) refuse("chunked in HTTP/1.0");

  const auto connection = headers.get("Connection").value_or("");
  head.keep_alive =
      head.http_1_0 ? has_word(connection, "keep-alive") : !has_word(connection, "close");
  head.expects_continue =
      !head.http_1_0 && same_name(headers.get("Expect").value_or(""), "100-continue");
  return head;
}

}  // namespace hubcache::http
