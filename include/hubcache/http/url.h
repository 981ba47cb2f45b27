#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hubcache::http {

/// An absolute http or https URL, taken apart. Nothing is decoded.
struct Url {
  std::string scheme;      // "http" or "https", lower case
  std::string host;        // lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;  // 80 or 443 when the text names none
  std::string path;        // raw, starts with "/" (or is "/" when empty)
  std::string query;       // raw, without "?"

  /// nullopt for anything that is not http(s) with a host, or has userinfo, spaces or controls.
  static std::optional<Url> parse(std::string_view text);
  /// Resolves a Location or Link against this URL (RFC 3986 section 5).
  std::optional<Url> resolve(std::string_view reference) const;
  bool same_origin(const Url& other) const;
  /// host, or host:port when the port is not the scheme's own; IPv6 in brackets.
  std::string authority() const;
  std::string target() const;  // path?query
  std::string text() const;
};

/// Is this a host, or host:port, as a URL may name it?
bool is_authority(std::string_view text);

/// Percent-decodes one path part or query value. nullopt for a bad escape (`%zz`, `%4`), or NUL.
std::optional<std::string> percent_decode(std::string_view text);
/// Percent-encodes all but unreserved characters (RFC 3986 2.3) and those in `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = "");
/// Names and values of a raw query or form, decoded ('+' is a space), in their order. What has a
/// bad escape is taken as it stands.
using Pairs = std::vector<std::pair<std::string, std::string>>;
Pairs parse_pairs(std::string_view text);

}  // namespace hubcache::http
