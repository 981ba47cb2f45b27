#include <algorithm>
#include <optional>
#include <vector>

#include "hubcache/base/text.h"
#include "hubcache/rest/validation.h"

#include "filtering.h"

namespace hubcache::rest {
namespace {

struct Term {
  enum class Kind { kHas, kLacks, kEquals, kDiffers, kContains } kind = Kind::kHas;
  std::string key;
  std::string value;
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

std::optional<Term> parse_term(const std::string& text) {
  Term term;
  const auto key_end = text.find_first_of("=!~", 1);
  const bool negated = text.starts_with('!');
  term.key = text.substr(
      negated ? 1 : 0, (key_end == std::string::npos ? text.size() : key_end) - (negated ? 1 : 0));
  if (term.key.empty() || !label_error(term.key, Json()).empty()) return std::nullopt;
  if (negated) term.kind = Term::Kind::kLacks;
  if (key_end == std::string::npos) return term;
  if (text.compare(key_end, 2, "!=") == 0) {
    term.kind = Term::Kind::kDiffers;
    term.value = text.substr(key_end + 2);
  } else if (text[key_end] == '!') {
    return std::nullopt;
  } else {
    term.kind = text[key_end] == '=' ? Term::Kind::kEquals : Term::Kind::kContains;
    term.value = text.substr(key_end + 1);
  }
  return term;
}

bool holds(const Term& term, const Json& labels) {
  const auto found = labels.find(term.key);
  const bool has = found != labels.end();
  if (term.kind == Term::Kind::kHas) return has;
  if (term.kind == Term::Kind::kLacks) return !has;
  if (!has || !found->is_string()) return false;
  const auto value = found->get<std::string>();
  if (term.kind == Term::Kind::kEquals) return value == term.value;
  if (term.kind == Term::Kind::kDiffers) return value != term.value;
  return lower_case(value).find(lower_case(term.value)) != std::string::npos;
}

}  // namespace

ReadFilter read_label_select(const std::string& field, const std::string& text) {
  std::vector<Term> terms;
  for (const auto& part : terms_of(text)) {
    const auto term = parse_term(part);
    if (!term) return {.error = error_list("Invalid search term: '" + part + "'.")};
    if (part.starts_with('!') && term->kind != Term::Kind::kLacks) {
      return {.error = error_list("Cannot use an operator with '!" + term->key + "'.")};
    }
    terms.push_back(*term);
  }
  return {.accepts = [field, terms](const Row& row) {
    const auto labels = row.doc.value(field, Json::object());
    return std::ranges::all_of(terms, [&](const Term& term) { return holds(term, labels); });
  }};
}

}  // namespace hubcache::rest
