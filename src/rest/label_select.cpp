#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/text.h"
#include "hubcache/rest/validation.h"

#include "filtering.h"

namespace hubcache::rest {
namespace {

constexpr std::size_t kMostTerms = 50;  // of several in one query SQLite joins no thousand

struct Term {
  enum class Kind { kHas, kLacks, kEquals, kDiffers, kContains } kind = Kind::kHas;
  std::string key;
  std::string value;
  bool has_operator = false;
};

/// Terms are joined by commas; `\,` is a comma in a value.
std::vector<std::string> terms_of(const std::string& text) {
  std::vector<std::string> terms(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') {
      terms.back() += text[++i];
    } else if (text[i] == ',') {
      terms.emplace_back();
    } else {
      terms.back() += text[i];
    }
  }
  return terms;
}

bool is_of_a_key(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 ||
         std::string_view("_ .-").find(c) != std::string_view::npos;
}

/// `key`, `!key`, `key=value`, `key!=value`, `key~value`; what follows a key in another way is left
/// alone, as Pulp leaves it.
std::optional<Term> parse_term(const std::string& text) {
  Term term;
  if (text.starts_with('!')) term.kind = Term::Kind::kLacks;
  const std::size_t begin = text.starts_with('!') ? 1 : 0;
  auto end = begin;
  while (end < text.size() && is_of_a_key(text[end])) ++end;
  if (end == begin) return std::nullopt;
  term.key = text.substr(begin, end - begin);
  const std::string_view rest = std::string_view(text).substr(end);
  if (rest.starts_with("!=")) {
    term.has_operator = true;
    term.kind = Term::Kind::kDiffers;
    term.value = rest.substr(2);
  } else if (rest.starts_with('=') || rest.starts_with('~')) {
    term.has_operator = true;
    term.kind = rest.starts_with('=') ? Term::Kind::kEquals : Term::Kind::kContains;
    term.value = rest.substr(1);
  }
  return term;
}

bool holds(const Term& term, const Json& labels) {
  const auto found = labels.find(term.key);
  const bool has = found != labels.end();
  if (term.kind == Term::Kind::kHas) return has;
  if (term.kind == Term::Kind::kLacks) return !has;
  if (!has) return false;
  if (!found->is_string()) return term.kind == Term::Kind::kDiffers;
  const auto value = found->get<std::string>();
  if (term.kind == Term::Kind::kEquals) return value == term.value;
  if (term.kind == Term::Kind::kDiffers) return value != term.value;
  return lower_case(value).find(lower_case(term.value)) != std::string::npos;
}

/// The same in SQL.
Condition condition_of(const Term& term, const std::string& field) {
  std::string compared;
  if (term.kind == Term::Kind::kEquals) compared = " AND type = 'text' AND value = ?";
  if (term.kind == Term::Kind::kDiffers) compared = " AND (type <> 'text' OR value <> ?)";
  if (term.kind == Term::Kind::kContains) {
    compared = " AND type = 'text' AND instr(lower(value), ?) > 0";
  }
  Condition condition{.sql = "EXISTS (SELECT 1 FROM json_each(doc, '$." + field +
                             "') WHERE key = ?" + compared + ")",
                      .values = Json::array({term.key})};
  if (!compared.empty()) {
    const bool any_case = term.kind == Term::Kind::kContains;
    condition.values.push_back(any_case ? lower_case(term.value) : term.value);
  }
  return term.kind == Term::Kind::kLacks ? negated(std::move(condition)) : condition;
}

}  // namespace

ReadFilter read_label_select(const std::string& field, const std::string& text) {
  std::vector<Term> terms;
  Condition sql;
  const auto parts = terms_of(text);
  if (parts.size() > kMostTerms) {
    return {.error =
                error_list("Too many search terms: more than " + std::to_string(kMostTerms) + ".")};
  }
  for (const auto& part : parts) {
    const auto term = parse_term(part);
    if (!term) return {.error = error_list("Invalid search term: '" + part + "'.")};
    if (part.starts_with('!') && term->has_operator) {
      return {.error = error_list("Cannot use an operator with '!" + term->key + "'.")};
    }
    terms.push_back(*term);
    sql = both(std::move(sql), condition_of(*term, field));
  }
  auto accepts = [field, terms](const Row& row) {
    const auto labels = row.doc.value(field, Json::object());
    return std::ranges::all_of(terms, [&](const Term& term) { return holds(term, labels); });
  };
  return {.accepts = std::move(accepts), .sql = std::move(sql)};
}

}  // namespace hubcache::rest
