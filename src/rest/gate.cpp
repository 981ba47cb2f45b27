#include "gate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "hubcache/base/digest.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string result;
  std::uint32_t bits = 0;
  unsigned count = 0;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>((bits >> count) & 0xffU);
    }
  }
  return result;
}

}  // namespace

Credentials read_basic(const http::Request& request) {
  const auto header = request.headers.get("Authorization").value_or("");
  const auto cut = std::min(header.find(' '), header.size());
  if (lower(header.substr(0, cut)) != "basic") return {};
  Credentials credentials{.given = true, .complaint = {}, .name = {}, .password = {}};
  const auto encoded = trimmed(header.substr(cut));
  if (encoded.empty()) {
    credentials.complaint = "Invalid basic header. No credentials provided.";
    return credentials;
  }
  if (encoded.find(' ') != std::string_view::npos) {
    credentials.complaint = "Invalid basic header. Credentials string should not contain spaces.";
    return credentials;
  }
  const auto decoded = base64_decode(encoded);
  const auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    credentials.complaint = "Invalid basic header. Credentials not correctly base64 encoded.";
    return credentials;
  }
  credentials.name = decoded->substr(0, colon);
  credentials.password = decoded->substr(colon + 1);
  return credentials;
}

bool accepts_json(const http::Request& request) {
  const auto accept = request.headers.get("Accept");
  if (!accept || trimmed(*accept).empty()) return true;
  auto rest = *accept;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto range = rest.substr(0, end);
    const auto type = lower(trimmed(range.substr(0, range.find(';'))));
    if (type == "*/*" || type == "application/*" || type == "application/json" ||
        type == "text/html") {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

bool is_foreign(const http::Request& request, std::string_view own_base) {
  if (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS") {
    return false;
  }
  const auto site = request.headers.get("Sec-Fetch-Site").value_or("none");
  if (site != "none" && site != "same-origin") return true;
  const auto origin = request.headers.get("Origin");
  return origin && lower(*origin) != lower(own_base);
}

std::string correlation_id_of(const http::Request& request) {
  const auto sent = request.headers.get("Correlation-ID");
  if (sent && canonical_uuid(*sent)) return std::string(*sent);
  return to_hex(random_bytes(16));
}

}  // namespace hubcache::rest
