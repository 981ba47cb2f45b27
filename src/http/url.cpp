#include "hubcache/http/url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include <arpa/inet.h>

#include "hubcache/base/text.h"

namespace hubcache::http {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
}

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::ranges::copy(text, terminated.begin());
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1;
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

struct Authority {
  std::string_view host;  // without brackets
  std::uint16_t port = 0;
};

// `port`: what counts when the text names none.
std::optional<Authority> read_authority(std::string_view text, std::uint16_t port) {
  Authority authority{.host = {}, .port = port};
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, close - 1);
    if (!is_ipv6(authority.host)) return std::nullopt;
    text.remove_prefix(close + 1);
    if (!text.empty() && !text.starts_with(':')) return std::nullopt;
  } else {
    authority.host = text.substr(0, text.find(':'));
    const auto allowed = [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; };
    if (authority.host.empty() || !std::ranges::all_of(authority.host, allowed)) {
      return std::nullopt;
    }
    text.remove_prefix(authority.host.size());
  }
  if (text.size() <= 1) return authority;
  text.remove_prefix(1);
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), authority.port);
  if (failure != std::errc() || end != text.data() + text.size() || authority.port == 0) {
    return std::nullopt;
  }
  return authority;
}

// RFC 3986 5.2.4, for a path that starts with "/".
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> parts;
  bool open = false;  // the path ends in "/"
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    const auto part = path.substr(0, slash);
    path.remove_prefix(slash);
    open = part == "." || part == "..";
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!open) parts.push_back(part);
  }
  std::string out;
  for (const auto part : parts) (out += '/') += part;
  if (open || out.empty()) out += '/';
  return out;
}

void split_target(std::string_view target, Url& url) {
  const auto mark = std::min(target.find('?'), target.size());
  url.path = target.substr(0, mark);
  url.query = mark < target.size() ? std::string(target.substr(mark + 1)) : std::string();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  if (!is_clean(text)) return std::nullopt;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = lower_case(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text = text.substr(colon + 3);
  text = text.substr(0, text.find('#'));
  const auto end = std::min(text.find_first_of("/?\\"), text.size());
  const auto authority = read_authority(text.substr(0, end), default_port(url.scheme));
  if (!authority) return std::nullopt;
  url.host = lower_case(authority->host);
  url.port = authority->port;
  text.remove_prefix(end);
  if (text.starts_with('\\')) return std::nullopt;
  split_target(text, url);
  if (url.path.empty()) url.path = "/";
  return url;
}

bool is_authority(std::string_view text) { return read_authority(text, 0).has_value(); }

std::optional<Url> Url::resolve(std::string_view reference) const {
  if (!is_clean(reference)) return std::nullopt;
  reference = reference.substr(0, reference.find('#'));
  const auto colon = reference.find_first_of(":/?");
  if (colon != std::string_view::npos && reference[colon] == ':') {
    auto absolute = parse(reference);
    if (absolute) absolute->path = without_dots(absolute->path);
    return absolute;
  }
  if (reference.starts_with("//")) return resolve(scheme + ":" + std::string(reference));
  Url url = *this;
  if (reference.empty()) return url;
  if (reference.starts_with('?')) {
    url.query = reference.substr(1);
    return url;
  }
  split_target(reference, url);
  if (!url.path.starts_with('/')) url.path = path.substr(0, path.rfind('/') + 1) + url.path;
  url.path = without_dots(url.path);
  return url;
}

bool Url::same_origin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(scheme)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::target() const { return query.empty() ? path : path + "?" + query; }

std::string Url::text() const { return scheme + "://" + authority() + target(); }

namespace {

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    out += c;
  }
  return out;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  auto out = decode(text);
  if (out && out->find('\0') != std::string::npos) return std::nullopt;
  return out;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    }
  }
  return out;
}

Pairs parse_pairs(std::string_view text) {
  Pairs pairs;
  const auto decoded = [](std::string_view part) {
    std::string spaced(part);
    std::ranges::replace(spaced, '+', ' ');
    // What cannot be decoded is taken as it stands, as Django does.
    return decode(spaced).value_or(spaced);
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    if (!pair.empty()) {
      pairs.emplace_back(decoded(pair.substr(0, equals)),
                         decoded(pair.substr(std::min(equals + 1, pair.size()))));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pairs;
}

}  // namespace hubcache::http
