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
    auto read = either();
    skip_spaces();
    if (error_.is_null() && (!read.accepts || at_ != text_.size())) {
      complain("Syntax error in expression.");
    }
    if (error_.is_null() && complexity_ > kMostComplex) {
      complain("Filter expression exceeds allowed complexity.");
    }
    if (!error_.is_null()) return {.error = std::move(error_)};
    return read;
  }

 private:
  ReadFilter complain(const std::string& text) {
    if (error_.is_null()) {
      error_ = Json::object();
      error_["q"] = error_list(text);
    }
    return {};
  }
  void skip_spaces() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (text_.compare(at_, word.size(), word) != 0) return false;
    const auto after = at_ + word.size();
    if (after < text_.size() && (is_letter(text_[after]) || text_[after] == '$')) return false;
    at_ = after;
    return true;
  }
  static bool is_letter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  ReadFilter either() {
    auto left = both();
    for (bool first = true; left.accepts && take_word("OR"); first = false) {
      if (first) ++complexity_;  // of all that are joined
      auto right = both();
      if (!right.accepts) return {};
      left.accepts = [a = std::move(left.accepts), b = std::move(right.accepts)](const Row& row) {
        return a(row) || b(row);
      };
      left.sql = joined(rest::either, std::move(left.sql), std::move(right.sql));
    }
    return left;
  }

  ReadFilter both() {
    auto left = term();
    for (bool first = true; left.accepts && take_word("AND"); first = false) {
      if (first) ++complexity_;
      auto right = term();
      if (!right.accepts) return {};
      left.accepts = [a = std::move(left.accepts), b = std::move(right.accepts)](const Row& row) {
        return a(row) && b(row);
      };
      left.sql = joined(rest::both, std::move(left.sql), std::move(right.sql));
    }
    return left;
  }

  ReadFilter term() {
    // Nesting is bounded with the rest: what is deeper is too complex anyway.
    if (++depth_ > 4 * kMostComplex)
      return complain("Filter expression exceeds allowed complexity.");
    if (take_word("NOT")) {
      ++complexity_;
      auto inner = term();
      if (!inner.accepts) return {};
      inner.accepts = [a = std::move(inner.accepts)](const Row& row) { return !a(row); };
      if (inner.sql) inner.sql = negated(*std::move(inner.sql));
      return inner;
    }
    if (take('(')) {
      auto inner = either();
      if (!inner.accepts || !take(')')) return {};
      return inner;
    }
    return filter();
  }

  ReadFilter filter() {
    skip_spaces();
    const auto begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    const auto name = text_.substr(begin, at_ - begin);
    if (name.empty() || !take('=')) return {};
    const auto value = read_argument();
    if (!value) return {};
    ++complexity_;
    if (name == "ordering") {
      return complain("An ordering filter cannot be used in complex filtering.");
    }
    if (name == "q") return complain("You cannot use 'q' in complex filtering.");
    auto read = read_filter(rendering_, resource_, name, *value);
    if (!read.known) return complain("Filter '" + name + "' does not exist.");
    if (read.error.is_object()) return complain(as_form_errors(read.error));
    if (!read.error.is_null()) {
      if (error_.is_null()) error_ = std::move(read.error);
      return {};
    }
    if (!read.accepts) return {.accepts = [](const Row&) { return true; }, .sql = Condition{}};
    return read;
  }

  /// What SQL can say of both.
  static std::optional<Condition> joined(Condition (*join)(Condition, Condition),
                                         std::optional<Condition> a, std::optional<Condition> b) {
    if (!a || !b) return std::nullopt;
    return join(*std::move(a), *std::move(b));
  }

  /// A field's errors as Django writes them in JSON.
  static std::string as_form_errors(const Json& errors) {
    std::string text;
    for (const auto& [name, list] : errors.items()) {
      const auto message = list.at(0).get<std::string>();
      const char* code = "invalid";
      if (message.starts_with("Select a valid choice.")) code = "invalid_choice";
      if (message.starts_with("Range query")) code = "invalid_values";
      if (message.starts_with("Null characters")) code = "null_characters_not_allowed";
      text += (text.empty() ? "{" : ", ") + to_text(Json(name)) + R"(: [{"message": )" +
              to_text(Json(message)) + R"(, "code": ")" + code + R"("}])";
    }
    return text + "}";
  }

  std::optional<std::string> read_argument() {
    skip_spaces();
    std::string value;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const char quote = text_[at_];
      for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) value += text_[at_++];
        value += text_[at_];
      }
      if (at_ >= text_.size()) return std::nullopt;
      ++at_;
      return value;
    }
    // Anything else must stand in quotes; of what is beyond ASCII, Latin 1 need not.
    while (at_ < text_.size()) {
      const bool latin = text_.compare(at_, 1, "\xc3") == 0 && at_ + 1 < text_.size();
      if (!latin && !is_letter(text_[at_]) &&
          std::string_view(".,-*").find(text_[at_]) == std::string_view::npos) {
        break;
      }
      if (latin) value += text_[at_++];
      value += text_[at_++];
    }
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
  if (text == "null" || text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  return Expression(rendering, resource, text).run();
}

}  // namespace hubcache::rest
