#include "hubcache/http/range.h"

#include <algorithm>
#include <limits>

namespace hubcache::http {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Does the list of entity tags hold `etag`? A strong comparison never matches a weak tag.
bool lists(std::string_view list, std::string_view etag, bool strong) {
  if (trimmed(list) == "*") return true;
  while (true) {
    list.remove_prefix(std::min(list.find_first_not_of(", \t"), list.size()));
    if (list.empty()) return false;
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    const auto close = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
    if (close == std::string_view::npos) return false;
    if (list.substr(0, close + 1) == etag && !(strong && weak)) return true;
    list.remove_prefix(close + 1);
  }
}

bool any_lists(const Headers& headers, std::string_view name, std::string_view etag, bool strong) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [field, value] = headers[i];
    if (same_name(field, name) && lists(value, etag, strong)) return true;
  }
  return false;
}

// A number too big for us is as good as the biggest: offsets beyond the end are clamped or refused.
std::optional<std::uint64_t> number(std::string_view digits) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
  }
  return value;
}

struct Asked {
  std::optional<std::uint64_t> first;  // nullopt: the last `last` bytes
  std::optional<std::uint64_t> last;   // nullopt: to the end
};

std::optional<Asked> parse_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes=";
  text = trimmed(text);
  if (!same_name(text.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  text = trimmed(text.substr(kUnit.size()));
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const Asked asked{number(text.substr(0, dash)), number(text.substr(dash + 1))};
  const bool first_given = dash > 0;
  const bool last_given = dash + 1 < text.size();
  if (first_given != asked.first.has_value() || last_given != asked.last.has_value()) {
    return std::nullopt;
  }
  if (!first_given && !last_given) return std::nullopt;
  if (first_given && last_given && *asked.last < *asked.first) return std::nullopt;
  return asked;
}

// nullopt: not satisfiable.
std::optional<ByteRange> fit(const Asked& asked, std::uint64_t size) {
  if (!asked.first) {
    if (*asked.last == 0) return std::nullopt;
    const auto length = std::min(*asked.last, size);
    return ByteRange{size - length, length};
  }
  if (*asked.first >= size) return std::nullopt;
  const auto last = std::min(asked.last.value_or(size - 1), size - 1);
  return ByteRange{*asked.first, last - *asked.first + 1};
}

// RFC 9110 13.1.5: a date never matches here, for we send no Last-Modified.
bool range_applies(const Request& request, std::string_view etag) {
  if (request.method != "GET" || request.headers.count("Range") != 1) return false;
  const auto condition = request.headers.get("If-Range");
  return !condition || trimmed(*condition) == etag;
}

RangePlan plan_for(const Request& request, std::string_view etag, std::uint64_t size) {
  const Headers& headers = request.headers;
  if (headers.has("If-Match") && !any_lists(headers, "If-Match", etag, true)) {
    return {.status = 412, .range = {}};
  }
  if (any_lists(headers, "If-None-Match", etag, false)) {
    const bool safe = request.method == "GET" || request.is_head();
    return {.status = safe ? 304 : 412, .range = {}};
  }
  const RangePlan whole{.status = 200, .range = {0, size}, .open_ended = true};
  if (size == 0 || !range_applies(request, etag)) return whole;
  const auto asked = parse_range(*headers.get("Range"));
  if (!asked) return whole;
  const auto range = fit(*asked, size);
  if (!range) return {.status = 416, .range = {}};
  const bool closed = asked->first && asked->last;
  return {.status = 206, .range = *range, .open_ended = !closed};
}

}  // namespace

RangePlan apply_conditions(const Request& request, std::string_view etag, std::uint64_t size,
                           Response& response) {
  const RangePlan plan = plan_for(request, etag, size);
  response.status = plan.status;
  if (plan.status == 200 || plan.status == 206) {
    response.headers.set("Accept-Ranges", "bytes");
    response.headers.set("Content-Length", std::to_string(plan.range.length));
  } else {
    response.headers.remove("Content-Length");
  }
  if (plan.status == 206) {
    response.headers.set("Content-Range", "bytes " + std::to_string(plan.range.offset) + "-" +
                                              std::to_string(plan.range.end() - 1) + "/" +
                                              std::to_string(size));
  } else if (plan.status == 416) {
    response.headers.set("Accept-Ranges", "bytes");
    response.headers.set("Content-Range", "bytes */" + std::to_string(size));
  }
  return plan;
}

}  // namespace hubcache::http
