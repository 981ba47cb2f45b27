#include "hubcache/http/range.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "hubcache/base/text.h"

namespace hubcache::http {
namespace {

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

std::optional<Asked> parse_one(std::string_view text) {
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

// One more than kMostRanges when there are too many; nullopt: malformed, or of another unit.
std::optional<std::vector<Asked>> parse_ranges(std::string_view text) {
  constexpr std::string_view kUnit = "bytes=";
  text = trimmed(text);
  if (!same_name(text.substr(0, kUnit.size()), kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  std::vector<Asked> all;
  while (!text.empty() && all.size() <= kMostRanges) {
    const auto one = trimmed(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(text.find(','), text.size() - 1) + 1);
    if (one.empty()) continue;  // RFC 9110 5.6.1.2: empty elements do not count
    const auto asked = parse_one(one);
    if (!asked) return std::nullopt;
    all.push_back(*asked);
  }
  if (all.empty()) return std::nullopt;
  return all;
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

// Ranges that overlap or nearly touch become one, in the place of the first of them (RFC 9110
// 15.3.7.2).
std::vector<ByteRange> coalesced(const std::vector<ByteRange>& ranges) {
  struct Placed {
    ByteRange range;
    std::size_t place;
  };
  std::vector<Placed> sorted;
  sorted.reserve(ranges.size());
  for (const ByteRange range : ranges) sorted.push_back({range, sorted.size()});
  std::ranges::sort(sorted, {}, [](const Placed& one) { return one.range.offset; });
  std::vector<Placed> merged;
  for (const Placed& next : sorted) {
    if (merged.empty() || next.range.offset >= merged.back().range.end() + kPartOverhead) {
      merged.push_back(next);
      continue;
    }
    Placed& last = merged.back();
    last.range.length = std::max(last.range.end(), next.range.end()) - last.range.offset;
    last.place = std::min(last.place, next.place);
  }
  std::ranges::sort(merged, {}, &Placed::place);
  std::vector<ByteRange> result;
  result.reserve(merged.size());
  for (const Placed& one : merged) result.push_back(one.range);
  return result;
}

RangePlan plan_of(const std::vector<Asked>& asked, std::uint64_t size) {
  if (asked.size() > kMostRanges) return RangePlan{.status = 416};
  std::vector<ByteRange> ranges;
  bool open_ended = false;
  for (const Asked& one : asked) {
    const auto range = fit(one, size);
    if (!range) continue;
    ranges.push_back(*range);
    open_ended = open_ended || !one.last;
  }
  if (ranges.empty()) return RangePlan{.status = 416};
  if (ranges.size() > 1) ranges = coalesced(ranges);
  RangePlan plan{.status = 206, .open_ended = open_ended};
  if (ranges.size() == 1) {
    plan.range = ranges.front();
  } else {
    plan.parts = std::move(ranges);
  }
  return plan;
}

// RFC 9110 13.1.5: a date never matches here, for we send no Last-Modified.
bool range_applies(const Request& request, std::string_view etag) {
  if (request.method != "GET" || request.headers.count("Range") != 1) return false;
  const auto condition = request.headers.get("If-Range");
  return !condition || trimmed(*condition) == etag;
}

std::optional<std::vector<Asked>> asked_ranges(const Request& request, std::string_view etag) {
  if (!range_applies(request, etag)) return std::nullopt;
  return parse_ranges(*request.headers.get("Range"));
}

// The status that If-Match and If-None-Match come to; nullopt: go on.
std::optional<int> precondition(const Request& request, std::string_view etag) {
  const Headers& headers = request.headers;
  if (headers.has("If-Match") && !any_lists(headers, "If-Match", etag, true)) return 412;
  if (!none_match_names(headers, etag)) return std::nullopt;
  return request.method == "GET" || request.is_head() ? 304 : 412;
}

}  // namespace

std::string content_range(ByteRange range, std::uint64_t size) {
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.end() - 1) + "/" +
         std::to_string(size);
}

bool none_match_names(const Headers& headers, std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return any_lists(headers, "If-None-Match", etag, false);
}

RangePlan apply_conditions(const Request& request, std::string_view etag, std::uint64_t size,
                           Response& response) {
  response.headers.remove("Content-Length");
  if (const auto status = precondition(request, etag)) {
    response.status = *status;
    return {.status = *status};
  }
  RangePlan plan{.status = 200, .range = {0, size}, .open_ended = true};
  const auto asked = asked_ranges(request, etag);
  if (asked && size > 0) plan = plan_of(*asked, size);
  response.status = plan.status;
  response.headers.set("Accept-Ranges", "bytes");
  if (plan.status != 416 && plan.parts.empty()) {
    response.headers.set("Content-Length", std::to_string(plan.range.length));
  }
  if (plan.status == 416 || (asked && size == 0)) {
    response.headers.set("Content-Range", "bytes */" + std::to_string(size));
  } else if (plan.status == 206 && plan.parts.empty()) {
    response.headers.set("Content-Range", content_range(plan.range, size));
  }
  return plan;
}

}  // namespace hubcache::http
