#include "hubcache/xet/tokens.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "hubcache/base/base64.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

namespace hubcache::xet {
namespace {

using std::chrono::milliseconds;

// Of tokens that are never forwarded (SECURITY 6), then what form this one has.
constexpr std::string_view kPrefix = "hc_xet1_";
constexpr std::size_t kClaims = 12;

std::string to_url_safe(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

std::optional<std::string> from_url_safe(std::string_view text) {
  std::string standard(text);
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '_', '/');
  standard.append((4 - standard.size() % 4) % 4, '=');
  return base64_decode(standard);
}

/// Each as "length:bytes", so that no two lists are written alike.
std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) ((text += std::to_string(part.size())) += ':') += part;
  return text;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto colon = std::min(text.find(':'), text.size() - 1);
    const auto size = number_of<std::size_t>(text.substr(0, colon));
    if (!size || *size > text.size() - colon - 1) return std::nullopt;
    parts.emplace_back(text.substr(colon + 1, *size));
    text.remove_prefix(colon + 1 + *size);
  }
  if (parts.size() != kClaims) return std::nullopt;
  return parts;
}

std::string text_of(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

std::optional<WallTime> time_of(std::string_view text) {
  const auto number = number_of<std::int64_t>(text);
  if (!number) return std::nullopt;
  return WallTime(milliseconds(*number));
}

std::string label_of(WallTime issued) {
  const auto day = std::chrono::floor<std::chrono::days>(issued).time_since_epoch().count();
  return "xet tokens of day " + std::to_string(day);
}

db::SecretBox::Place place_of(const std::string& caller) {
  return {.table = "xet tokens", .row = caller, .field = "authorization"};
}

}  // namespace

bool Tokens::is_signed(std::string_view text, WallTime issued, std::string_view signature) const {
  const auto label = label_of(issued);
  if (constant_time_equal(keyed_hash(secrets_.derive(label), text), signature)) return true;
  return std::ranges::any_of(secrets_.derive_replaced(label), [&](const auto& line) {
    return issued < *line.replaced && constant_time_equal(keyed_hash(line.key, text), signature);
  });
}

std::string Tokens::make(const Claims& claims) const {
  const auto& authorization = claims.authorization;
  const auto sealed =
      authorization.empty() ? "" : secrets_.seal(authorization, place_of(claims.caller));
  const auto text = to_url_safe(base64_encode(
      joined({claims.distribution, claims.scope,
              std::to_string(static_cast<unsigned>(claims.repo.type)), claims.repo.name,
              claims.commit, claims.caller, sealed, claims.path, std::to_string(claims.xorb),
              claims.whole ? "1" : "0", text_of(claims.issued), text_of(claims.expires)})));
  std::string token(kPrefix);
  const auto key = secrets_.derive(label_of(claims.issued));
  return ((token += text) += '.') += keyed_hash(key, text);
}

std::optional<Claims> Tokens::read(std::string_view token, WallTime now) const {
  const auto dot = token.find('.');
  if (!token.starts_with(kPrefix) || dot == std::string_view::npos) return std::nullopt;
  const auto text = token.substr(kPrefix.size(), dot - kPrefix.size());
  const auto decoded = from_url_safe(text);
  const auto parts = decoded ? split(*decoded) : std::nullopt;
  if (!parts) return std::nullopt;
  const auto& at = *parts;
  const auto type = number_of<std::uint8_t>(at[2]);
  const auto xorb = number_of<std::uint64_t>(at[8]);
  const auto issued = time_of(at[10]);
  const auto expires = time_of(at[11]);
  if (!type || !xorb || !issued || !expires) return std::nullopt;
  if (!is_signed(text, *issued, token.substr(dot + 1))) return std::nullopt;
  if (*issued > now || *expires <= now || *expires - *issued > kLongest) return std::nullopt;
  Claims claims{.distribution = at[0],
                .scope = at[1],
                .repo = {.type = static_cast<hub::RepoType>(*type), .name = at[3]},
                .commit = at[4],
                .caller = at[5],
                .path = at[7],
                .xorb = *xorb,
                .whole = at[9] == "1",
                .issued = *issued,
                .expires = *expires};
  if (!at[6].empty()) claims.authorization = secrets_.open(at[6], place_of(claims.caller));
  return claims;
}

}  // namespace hubcache::xet
