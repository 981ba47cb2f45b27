#include "hubcache/base/glob.h"

#include "hubcache/base/text.h"

namespace hubcache {
namespace {

constexpr auto kNone = std::string_view::npos;

/// Where the set that begins at `at` ends: past its "]". A "]" that comes first is one of the set.
std::size_t end_of_set(std::string_view pattern, std::size_t at) {
  std::size_t first = at + 1;
  if (first < pattern.size() && pattern[first] == '!') ++first;
  const auto close = pattern.find(']', first + 1);
  return close == kNone ? kNone : close + 1;
}

/// `set` is what stands between the brackets.
bool is_in_set(std::string_view set, char c) {
  const bool others = set.starts_with('!');
  if (others) set.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const bool range = i + 2 < set.size() && set[i + 1] == '-';
    found = found || (range ? set[i] <= c && c <= set[i + 2] : set[i] == c);
    if (range) i += 2;
  }
  return found != others;
}

/// Where the part of the pattern that stands for this one character ends; kNone: it does not.
std::size_t past(std::string_view pattern, std::size_t at, char c) {
  if (at == pattern.size()) return kNone;
  if (pattern[at] == '[') {
    const auto end = end_of_set(pattern, at);
    const bool fits = end != kNone && is_in_set(pattern.substr(at + 1, end - at - 2), c);
    return fits ? end : kNone;
  }
  return pattern[at] == '?' || pattern[at] == c ? at + 1 : kNone;
}

}  // namespace

// Only the last star needs to be tried again: what came before it has matched as early as it can.
bool matches_glob(std::string_view pattern, std::string_view name) {
  std::size_t at = 0;
  std::size_t after_star = kNone;
  std::size_t tried_from = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      tried_from = i;
    } else if (const auto next = past(pattern, at, name[i]); next != kNone) {
      at = next;
      ++i;
    } else if (after_star != kNone) {
      at = after_star;
      i = ++tried_from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == kNone;
}

bool matches_glob_of_any_case(std::string_view pattern, std::string_view name) {
  return matches_glob(lower_case(pattern), lower_case(name));
}

std::optional<std::string> complaint_of_glob(std::string_view pattern) {
  if (pattern.empty()) return "is empty";
  if (pattern.starts_with('/') || pattern.ends_with('/')) {
    return "begins or ends with a slash, as no name does: \"folder/*\" is what is in a folder";
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '[') continue;
    const auto end = end_of_set(pattern, i);
    if (end == kNone) return R"(has a "[" without its "]" behind it)";
    i = end - 1;
  }
  return std::nullopt;
}

}  // namespace hubcache
