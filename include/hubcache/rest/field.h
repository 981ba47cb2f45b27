#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hubcache/rest/json.h"

namespace hubcache::rest {

struct Row;
struct Rendering;

/// Query parameters a field offers: "" is `name=`, "in" is `name__in=`, and so on.
using Lookups = std::span<const std::string_view>;
inline constexpr std::string_view kExact[] = {""};
inline constexpr std::string_view kExactIn[] = {"", "in"};
inline constexpr std::string_view kNameFilters[] = {
    "", "iexact", "in", "contains", "icontains", "startswith", "istartswith", "regex", "iregex"};
/// Of names that Pulp keeps in a table of Django's.
inline constexpr std::string_view kFewNameFilters[] = {"", "iexact", "in", "contains", "icontains"};
inline constexpr std::string_view kNumberFilters[] = {"",   "ne",  "lt",    "lte",
                                                      "gt", "gte", "range", "isnull"};
inline constexpr std::string_view kTimeFilters[] = {"",    "lt",    "lte",   "gt",
                                                    "gte", "range", "isnull"};

/// One field of a resource: what clients may send, what they get, how it is kept. Built with the
/// functions below and refined by chaining; a plain value afterwards.
struct Field {
  enum class Type : std::uint8_t {
    kText,
    kUrl,   // http or https
    kPath,  // segments, no empty or dotted ones
    kPem,   // certificates; comments around them are dropped
    kChoice,
    kInteger,
    kNumber,
    kBoolean,
    kLabels,    // object of string or null
    kHeaders,   // list of objects of strings
    kTime,      // kept as it was written
    kTexts,     // list of strings, of `choices` if there are any
    kHref,      // a resource of `target` kind or family; kept by its id
    kHrefs,     // list of them
    kUris,      // as kHrefs, in the other words that Pulp's verbs have for errors
    kComputed,  // never accepted, made by `compute`
  };
  /// Text of the complaint about a value that has the right type, or nullopt.
  using Check = std::function<std::optional<std::string>(const std::string& value)>;
  using Compute = std::function<Json(const Row& row, const Rendering& with)>;

  Field(Type t, std::string n) : type(t), name(std::move(n)) {}

  // The value.
  Field& required() { return is_required = true, *this; }
  Field& nullable() { return is_nullable = true, *this; }
  Field& blank_allowed() { return may_be_blank = true, *this; }
  /// What a create or a PUT without the field sets.
  Field& fallback(std::string text) { return default_value = std::move(text), *this; }
  Field& fallback(const char* text) { return fallback(std::string(text)); }
  Field& fallback(bool value) { return default_value = value, *this; }
  /// What a create without the field sets; a PUT without it leaves it alone.
  Field& initially(bool value) {
    is_initial_only = true;
    return fallback(value);
  }
  /// No other row of the kind may have the same value.
  Field& unique() { return is_unique = true, *this; }
  /// For paths: no other row's may lie above or below it.
  Field& disjoint() { return is_disjoint = true, *this; }
  Field& at_least(double value) { return minimum = value, *this; }
  Field& at_most(double value) { return maximum = value, *this; }
  /// Spaces at its ends are part of the value.
  Field& untrimmed() { return keeps_spaces = true, *this; }
  /// Of references: what is wrong with a row that is there, or "".
  Field& refuses(std::function<std::string(const Row& target)> why) {
    return refusal_of_target = std::move(why), *this;
  }
  /// Of references: `["*"]` stands for all there are.
  Field& or_all() { return takes_star = true, *this; }
  Field& check(Check c) { return checks.push_back(std::move(c)), *this; }

  // How it is kept and shown.
  /// Encrypted at rest.
  Field& sealed() { return is_sealed = true, *this; }
  /// Encrypted at rest, and masked in answers when the server masks secrets.
  Field& secret() { return is_sealed = is_secret = true, *this; }
  /// Encrypted at rest and never shown; listed in `hidden_fields`.
  Field& write_only() { return is_sealed = is_write_only = true, *this; }
  /// The server's own: never accepted from clients, never shown.
  Field& internal() { return is_internal = true, *this; }
  /// A change of it makes everything known under the row's epoch void (SECURITY 16).
  Field& raises_epoch() { return changes_epoch = true, *this; }
  /// Giving it a value counts as a change even when it is the same one.
  Field& always_changes() { return is_change_itself = true, *this; }
  Field& filters(Lookups which) { return lookups = which, *this; }
  /// The JSON schema of what is shown, where the type does not tell.
  Field& shown_as(const Json& schema);

  Type type;
  std::string name;
  std::vector<std::string> choices;
  std::string target;  // kHref: the kind of row it names
  Compute compute;
  std::shared_ptr<const Json> shown_schema;
  std::vector<Check> checks;
  std::function<std::string(const Row& target)> refusal_of_target;
  std::variant<std::monostate, bool, std::string> default_value;
  std::optional<double> minimum;
  std::optional<double> maximum;
  Lookups lookups;
  bool is_required = false;
  bool is_nullable = false;
  bool may_be_blank = false;
  bool is_unique = false;
  bool is_disjoint = false;
  bool keeps_spaces = false;
  bool is_sealed = false;
  bool is_secret = false;
  bool is_write_only = false;
  bool is_internal = false;
  bool takes_star = false;
  bool changes_epoch = false;
  bool is_change_itself = false;
  bool is_initial_only = false;

  bool is_computed() const { return type == Type::kComputed; }
};

Field text(std::string name);
Field url(std::string name);
Field path(std::string name);
Field pem(std::string name);
Field choice(std::string name, std::vector<std::string> choices);
Field integer(std::string name);
Field number(std::string name);
Field boolean(std::string name);
Field labels(std::string name);
Field headers(std::string name);
Field time(std::string name);
Field texts(std::string name, std::vector<std::string> choices = {});
/// A reference to a row of kind `target`, or of any kind of that family; null when that row is
/// deleted.
Field href(std::string name, std::string target);
Field hrefs(std::string name, std::string target);
Field uris(std::string name, std::string target);
Field computed(std::string name, Field::Compute compute);
/// Always null.
Field nothing(std::string name);
/// Always the same.
Field always(std::string name, std::string value);
/// The PRN of what the href field `of` names, or null.
Field prn_of(std::string name, std::string of);
/// `hidden_fields`: which write-only fields are set.
Field hidden_fields();

}  // namespace hubcache::rest
