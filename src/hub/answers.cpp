#include "answers.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/text.h"

namespace hubcache::hub {
namespace {

constexpr std::uint64_t kLongestWait = 3600;  // seconds; longer is as good as for ever
constexpr std::chrono::seconds kUnsaidWait{10};
constexpr std::size_t kLongestName = 32;
constexpr std::size_t kLongestPolicy = 200;

/// Letters, digits and "_", as clients read the name of a limit.
bool is_word(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, fits);
}

/// Retry-After, whose date counts from when the Hub sent it: clocks may differ (RFC 9110 10.2.3).
std::optional<std::uint64_t> seconds_to_wait(const http::Headers& headers) {
  const auto asked = trimmed(headers.get("Retry-After").value_or(""));
  if (const auto number = number_of(asked)) return number;
  const auto until = http::parse_http_date(asked);
  const auto sent = http::parse_http_date(trimmed(headers.get("Date").value_or("")));
  if (!until || !sent) return std::nullopt;
  const auto wait = std::chrono::ceil<std::chrono::seconds>(*until - *sent).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(wait, 0));
}

}  // namespace

bool is_redirect(int status, const http::Headers& headers) {
  switch (status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return headers.has("Location");
    default:
      return false;
  }
}

std::string unquoted(std::string_view etag) {
  etag = trimmed(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::optional<Digest> digest_of(std::string_view etag) {
  if (trimmed(etag).starts_with("W/")) return std::nullopt;
  return Digest::from_etag(unquoted(etag));
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, failure] = std::from_chars(begin, end, number);
  if (text.empty() || failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::string value_of(const http::Headers& headers, std::string_view name) {
  return std::string(headers.get(name).value_or(""));
}

std::string error_message_of(const http::Headers& headers) {
  constexpr std::size_t kMost = 1'000;
  return std::string(headers.get("X-Error-Message").value_or("").substr(0, kMost));
}

bool is_identity(const http::Headers& headers) {
  const auto encoding = trimmed(headers.get("Content-Encoding").value_or(""));
  return encoding.empty() || http::same_name(encoding, "identity");
}

std::optional<ContentRange> content_range_of(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  text = trimmed(text);
  const auto slash = text.find('/');
  if (!text.starts_with(kUnit) || slash == std::string_view::npos) return std::nullopt;
  const auto span = trimmed(text.substr(kUnit.size(), slash - kUnit.size()));
  const auto size = text.substr(slash + 1);

  ContentRange range;
  if (size != "*") {
    range.size = number_of(size);
    if (!range.size) return std::nullopt;
  }
  if (span == "*") return range;
  const auto dash = span.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  range.first = number_of(span.substr(0, dash));
  const auto last = number_of(span.substr(dash + 1));
  if (!range.first || !last || *last < *range.first) return std::nullopt;
  if (range.size && *last >= *range.size) return std::nullopt;
  range.last = *last;
  return range;
}

Quota quota_of(const http::Headers& headers) {
  Quota quota{.wait = kUnsaidWait};
  const auto as_seconds = [](std::uint64_t number) {
    return std::chrono::seconds(std::min(number, kLongestWait));
  };
  if (const auto number = seconds_to_wait(headers)) quota.wait = as_seconds(*number);
  auto limit = headers.get("ratelimit").value_or("");
  if (limit.empty()) return quota;
  if (const auto name = unquoted(limit.substr(0, limit.find(';'))); is_word(name)) {
    quota.name = name;
  }
  while (!limit.empty()) {
    const auto end = std::min(limit.find_first_of(";,"), limit.size());
    const auto parameter = trimmed(limit.substr(0, end));
    if (parameter.starts_with("t=")) {
      // The window ends within that second, so one more is safe.
      if (const auto number = number_of(parameter.substr(2))) quota.wait = as_seconds(*number + 1);
    }
    limit.remove_prefix(std::min(end + 1, limit.size()));
  }
  const auto policy = headers.get("ratelimit-policy").value_or("");
  if (policy.size() <= kLongestPolicy) quota.policy = policy;
  return quota;
}

std::optional<Budget> budget_of(const http::Headers& headers) {
  auto limit = headers.get("ratelimit").value_or("");
  if (limit.empty()) return std::nullopt;
  const auto name = unquoted(limit.substr(0, limit.find(';')));
  const auto* const known = std::ranges::find(Budget::kLimits, name);
  Budget budget{.limit = known == Budget::kLimits.end() ? Budget::kOther : *known};
  bool told = false;
  while (!limit.empty()) {
    const auto end = std::min(limit.find_first_of(";,"), limit.size());
    const auto parameter = trimmed(limit.substr(0, end));
    const auto number = number_of(parameter.substr(std::min<std::size_t>(2, parameter.size())));
    if (parameter.starts_with("r=") && number) {
      budget.left = *number;
      told = true;
    }
    if (parameter.starts_with("t=") && number) {
      budget.window = std::chrono::seconds(std::min(*number, kLongestWait));
    }
    limit.remove_prefix(std::min(end + 1, limit.size()));
  }
  if (!told) return std::nullopt;
  return budget;
}

std::string error_code_of(int status, const http::Headers& headers) {
  auto code = value_of(headers, "X-Error-Code");
  const bool nameless = code.empty() && status == http_status::kUnauthorized;
  if (nameless && headers.get("X-Error-Message") == "Invalid username or password.") {
    return "RepoNotFound";
  }
  return code;
}

Error trouble_of(int status, const std::string& url) {
  if (status == http_status::kLoopDetected) {
    return {Error::Kind::kLoop, "The Hub says that its requests come back to it", url};
  }
  return {Error::Kind::kUpstream, "The Hub failed", url + " answered " + std::to_string(status)};
}

bool is_of_repo(int status, std::string_view code) {
  return status == http_status::kUnauthorized || status == http_status::kForbidden ||
         code == "RepoNotFound";
}

Error refusal_of(int status, std::string code, std::string message, std::string commit) {
  auto kind = Error::Kind::kNotFound;
  if (status == http_status::kUnauthorized) kind = Error::Kind::kUnauthorized;
  if (status == http_status::kForbidden) kind = Error::Kind::kForbidden;
  const std::string text = message.empty() ? "The Hub refuses this file" : message;
  return {kind, text,
          Error::HubDetail{.code = std::move(code),
                           .message = std::move(message),
                           .status = status,
                           .commit = std::move(commit)}};
}

}  // namespace hubcache::hub
