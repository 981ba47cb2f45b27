#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hubcache::access {

/// The part of jq that picks one value out of a document: `.a.b`, `."a b"`, `.["a"]`, `.[0]`,
/// joined by `|`, with `?` behind a step.
class JqPath {
 public:
  /// nullopt for a filter that is more than that, or wrong.
  static std::optional<JqPath> parse(std::string_view filter);
  /// The text that the path leads to; nullopt when there is none, or it is no text, or `json` is
  /// no JSON.
  std::optional<std::string> text_in(std::string_view json) const;

 private:
  using Step = std::variant<std::string, long>;  // a key, or an index that may count from the end
  std::vector<Step> steps_;
};

}  // namespace hubcache::access
