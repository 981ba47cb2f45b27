#include <cctype>
#include <optional>
#include <utility>

#include "hubcache/rest/validation.h"

#include "filtering.h"

namespace hubcache::rest {
namespace {

constexpr int kMostComplex = 8;  // filters and operators, as Pulp counts them

/// `NOT`, `AND`, `OR`, parentheses, and `name=value` with the value bare or in double quotes.
class Expression {
 public:
  Expression(const Rendering& rendering, const Resource& resource, const std::string& text)
      : rendering_(rendering), resource_(resource), text_(text) {}

  ReadFilter run() {
    auto accepts = either();
    skip_spaces();
    if (error_.is_null() && (!accepts || at_ != text_.size())) {
      complain("Syntax error in expression.");
    }
    if (error_.is_null() && complexity_ > kMostComplex) {
      complain("Filter expression exceeds allowed complexity.");
    }
    if (!error_.is_null()) return {.error = std::move(error_)};
    return {.accepts = std::move(accepts)};
  }

 private:
  Predicate complain(const std::string& text) {
    if (error_.is_null()) {
      error_ = Json::object();
      error_["q"] = error_list(text);
    }
    return {};
  }
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (text_.compare(at_, word.size(), word) != 0) return false;
    const auto after = at_ + word.size();
    if (after < text_.size() && text_[after] != ' ' && text_[after] != '(') return false;
    at_ = after;
    return true;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Predicate either() {
    auto left = both();
    while (left && take_word("OR")) {
      ++complexity_;
      auto right = both();
      if (!right) return {};
      left = [a = std::move(left), b = std::move(right)](const Row& row) {
        return a(row) || b(row);
      };
    }
    return left;
  }

  Predicate both() {
    auto left = term();
    while (left && take_word("AND")) {
      ++complexity_;
      auto right = term();
      if (!right) return {};
      left = [a = std::move(left), b = std::move(right)](const Row& row) {
        return a(row) && b(row);
      };
    }
    return left;
  }

  Predicate term() {
    // Nesting is bounded with the rest: what is deeper is too complex anyway.
    if (++depth_ > 4 * kMostComplex)
      return complain("Filter expression exceeds allowed complexity.");
    if (take_word("NOT")) {
      ++complexity_;
      auto inner = term();
      if (!inner) return {};
      return [a = std::move(inner)](const Row& row) { return !a(row); };
    }
    if (take('(')) {
      auto inner = either();
      if (!inner || !take(')')) return {};
      return inner;
    }
    return filter();
  }

  Predicate filter() {
    skip_spaces();
    const auto begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      ++at_;
    }
    const auto name = text_.substr(begin, at_ - begin);
    if (name.empty() || !take('=')) return {};
    const auto value = read_argument();
    if (!value) return {};
    ++complexity_;
    if (name == "ordering") {
      return complain("An ordering filter cannot be used in complex filtering.");
    }
    if (name == "q") return complain("Filter 'q' does not exist.");
    auto read = read_filter(rendering_, resource_, name, *value);
    if (!read.known) return complain("Filter '" + name + "' does not exist.");
    if (!read.error.is_null()) {
      if (error_.is_null()) error_ = std::move(read.error);
      return {};
    }
    if (!read.accepts) return [](const Row&) { return true; };
    return std::move(read.accepts);
  }

  std::optional<std::string> read_argument() {
    skip_spaces();
    std::string value;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        value += text_[at_];
      }
      if (at_ >= text_.size()) return std::nullopt;
      ++at_;
      return value;
    }
    // Anything else must stand in quotes.
    const auto bare = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
             std::string_view("_-.,:").find(c) != std::string_view::npos;
    };
    while (at_ < text_.size() && bare(text_[at_])) value += text_[at_++];
    if (value.empty()) return std::nullopt;
    return value;
  }

  const Rendering& rendering_;
  const Resource& resource_;
  const std::string& text_;
  std::size_t at_ = 0;
  int complexity_ = 0;
  int depth_ = 0;
  Json error_;
};

}  // namespace

ReadFilter read_expression(const Rendering& rendering, const Resource& resource,
                           const std::string& text) {
  if (text.empty()) return {};
  return Expression(rendering, resource, text).run();
}

}  // namespace hubcache::rest
