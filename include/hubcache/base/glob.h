#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hubcache {

/// A pattern as huggingface_hub's `allow_patterns` are, matched against a whole name: `*` stands
/// for any characters, slashes too, `?` for one, `[a-z]` for one of these, `[!a-z]` for one but
/// these. Takes at most the product of both lengths in time, whatever the pattern.
bool matches_glob(std::string_view pattern, std::string_view name);
/// The same, the letters A to Z of both counting as small ones.
bool matches_glob_of_any_case(std::string_view pattern, std::string_view name);

/// What is wrong with a pattern, as the end of a sentence that begins with it; nullopt: nothing.
/// What begins or ends with a slash is wrong: no name of a repo or file does.
std::optional<std::string> complaint_of_glob(std::string_view pattern);

}  // namespace hubcache
