#include "filtering.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hubcache/base/text.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/regex.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/rest/validation.h"

#include "reference_filters.h"

namespace hubcache::rest {
namespace {

std::optional<bool> flag_of(const std::string& value) {
  const auto text = lower_case(value);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

constexpr std::string_view kNullCharacter = "Null characters are not allowed.";

/// What is filtered by: a value of rows of that kind, under its name in code, and as SQL has it.
struct Column {
  const Rendering& rendering;
  const Resource& resource;
  std::string name;
  std::optional<std::string> sql = sql_value(resource, name);
};

/// SQL knows no regular expressions: it is given the values that one is found in.
std::optional<Condition> condition(const Column& column, const Regex& regex) {
  const auto& [rendering, resource, name, expression] = column;
  if (!expression || rendering.sql == nullptr || resource.rows) return std::nullopt;
  const auto& family = resource.lists.empty() ? resource.kind : resource.lists;
  Json found = Json::array();
  for (const auto& kind : rendering.resources) {
    if (!is_of(kind.kind, family) || !kind.lists.empty()) continue;
    auto values = rendering.sql->query(
        "SELECT DISTINCT " + *expression + " FROM resources WHERE kind = ?1", kind.kind);
    while (values.step()) {
      if (auto value = values.optional_text(0); value && regex.found_in(*value)) {
        found.push_back(*std::move(value));
      }
    }
  }
  return Condition{.sql = is_one_of(*expression), .values = Json::array({std::move(found)})};
}

std::optional<Condition> condition(const Column& column, const std::string& before,
                                   const std::string& after, Json value) {
  return rest::condition(column.sql, before, after, std::move(value));
}

ReadFilter read_text_in_any_case(const Column& column, std::string_view lookup,
                                 const std::string& value) {
  const auto small = lower_case(value);
  if (lookup == "iexact") {
    return {.accepts = on_text(column.name, [small](auto& v) { return lower_case(v) == small; }),
            .sql = condition(column, "lower(", ") = ?", small)};
  }
  if (lookup == "icontains") {
    return {.accepts = on_text(
                column.name,
                [small](auto& v) { return lower_case(v).find(small) != std::string::npos; }),
            .sql = condition(column, "instr(lower(", "), ?) > 0", small)};
  }
  if (lookup == "istartswith") {
    return {.accepts =
                on_text(column.name, [small](auto& v) { return lower_case(v).starts_with(small); }),
            .sql = condition(column, "instr(lower(", "), ?) = 1", small)};
  }
  return {.known = false};
}

ReadFilter read_text_filter(const Column& column, const std::string& parameter,
                            std::string_view lookup, const std::string& given) {
  if (given.find('\0') != std::string::npos) return refused(parameter, std::string(kNullCharacter));
  const std::string value(trimmed(given));
  if (value.empty()) return {};
  const auto& name = column.name;
  if (lookup.empty()) {
    return {.accepts = on_text(name, [value](auto& v) { return v == value; }),
            .sql = condition(column, "", " = ?", value)};
  }
  if (lookup == "ne") {
    return {.accepts = on_text(name, [value](auto& v) { return v != value; }),
            .sql = condition(column, "", " <> ?", value)};
  }
  if (lookup == "in") {
    const auto list = split_list(value);
    return {.accepts = on_text(name, [list](auto& v) { return contains_text(list, v); }),
            .sql = condition(column, "", is_one_of(""), list)};
  }
  if (lookup == "contains") {
    return {
        .accepts = on_text(name, [value](auto& v) { return v.find(value) != std::string::npos; }),
        .sql = condition(column, "instr(", ", ?) > 0", value)};
  }
  if (lookup == "startswith") {
    return {.accepts = on_text(name, [value](auto& v) { return v.starts_with(value); }),
            .sql = condition(column, "instr(", ", ?) = 1", value)};
  }
  if (lookup == "regex" || lookup == "iregex") {
    const auto regex = Regex::compile(value, lookup == "iregex");
    if (!regex) return refused(parameter, "Enter a valid regular expression.");
    return {.accepts = on_text(name, [regex](auto& v) { return regex->found_in(v); }),
            .sql = condition(column, *regex)};
  }
  return read_text_in_any_case(column, lookup, value);
}

ReadFilter read_null_filter(const std::string& name, const std::string& value) {
  const auto flag = flag_of(value);
  if (!flag) return {};
  return {.accepts = [name, flag](const Row& row) {
    return filter_value(row, name).is_null() == *flag;
  }};
}

/// Of the times that rows have in columns of their own.
std::optional<Condition> time_condition(const Column& column, std::string_view lookup,
                                        const std::vector<std::int64_t>& times) {
  if (column.name != "pulp_created" && column.name != "pulp_last_updated") return std::nullopt;
  if (lookup == "range") {
    return Condition{.sql = "(" + *column.sql + " BETWEEN ? AND ?)", .values = times};
  }
  std::string compared = " = ?";
  if (lookup == "lt") compared = " < ?";
  if (lookup == "lte") compared = " <= ?";
  if (lookup == "gt") compared = " > ?";
  if (lookup == "gte") compared = " >= ?";
  return condition(column, "", compared, times[0]);
}

ReadFilter read_time_filter(const Column& column, const std::string& parameter,
                            std::string_view lookup, const std::string& value) {
  if (value.empty()) return {};
  if (lookup == "isnull") return read_null_filter(column.name, value);
  std::vector<std::int64_t> times;
  for (const auto& text : lookup == "range" ? split_list(value) : std::vector{value}) {
    const auto time = parse_iso_time(text);
    if (!time) return refused(parameter, "Enter a valid date/time.");
    times.push_back(*time);
  }
  if (lookup == "range" && times.size() != 2) {
    return refused(parameter, "Range query expects two values.");
  }
  auto accepts = [name = column.name, lookup = std::string(lookup), times](const Row& row) {
    const auto value_then = filter_value(row, name);
    if (!value_then.is_string()) return false;
    const auto then = parse_iso_time(value_then.get<std::string>()).value_or(0);
    if (lookup == "lt") return then < times[0];
    if (lookup == "lte") return then <= times[0];
    if (lookup == "gt") return then > times[0];
    if (lookup == "gte") return then >= times[0];
    if (lookup == "range") return then >= times[0] && then <= times[1];
    return then == times[0];
  };
  return {.accepts = std::move(accepts), .sql = time_condition(column, lookup, times)};
}

/// `pulp_type` of a list of several kinds.
ReadFilter read_type_filter(const Rendering& rendering, const Resource& resource,
                            const std::string& parameter, std::string_view lookup,
                            const std::string& value) {
  std::vector<std::string> types;
  for (const auto& other : rendering.resources) {
    if (is_of(other.kind, resource.lists)) types.push_back(other.type);
  }
  const auto wanted = lookup == "in" ? split_list(value) : std::vector{value};
  for (const auto& type : wanted) {
    if (!type.empty() && !contains_text(types, type)) {
      return refused(parameter,
                     "Select a valid choice. " + type + " is not one of the available choices.");
    }
  }
  if (value.empty()) return {};
  return {.accepts = [wanted](const Row& row) { return contains_text(wanted, row.type); }};
}

ReadFilter read_number_filter(const std::string& name, const std::string& parameter,
                              std::string_view lookup, const std::string& value) {
  if (value.empty()) return {};
  if (lookup == "isnull") return read_null_filter(name, value);
  std::vector<double> numbers;
  for (const auto& text :
       lookup == "range" || lookup == "in" ? split_list(value) : std::vector{value}) {
    double number = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) return refused(parameter, "Enter a number.");
    numbers.push_back(number);
  }
  if (lookup == "range" && numbers.size() != 2) {
    return refused(parameter, "Range query expects two values.");
  }
  return {.accepts = [name, lookup = std::string(lookup), numbers](const Row& row) {
    const auto kept = filter_value(row, name);
    if (!kept.is_number()) return false;
    const auto number = kept.get<double>();
    if (lookup == "ne") return number != numbers[0];
    if (lookup == "lt") return number < numbers[0];
    if (lookup == "lte") return number <= numbers[0];
    if (lookup == "gt") return number > numbers[0];
    if (lookup == "gte") return number >= numbers[0];
    if (lookup == "range") return number >= numbers[0] && number <= numbers[1];
    return std::ranges::find(numbers, number) != numbers.end();
  }};
}

bool offers(Lookups lookups, std::string_view lookup) {
  return std::ranges::find(lookups, lookup) != lookups.end();
}

ReadFilter read_field_filter(const Rendering& rendering, const Resource& resource,
                             const Field& field, const std::string& parameter,
                             std::string_view lookup, const std::string& value) {
  const Column column{.rendering = rendering, .resource = resource, .name = field.name};
  if (field.type == Field::Type::kHref) {
    return read_href_filter(
        rendering, {.name = field.name, .target = field.target, .sql = column.sql}, lookup, value);
  }
  if (field.type == Field::Type::kBoolean) {
    const auto flag = flag_of(value);
    if (!flag) return {};
    return {.accepts = [name = field.name,
                        flag](const Row& row) { return filter_value(row, name) == *flag; },
            .sql = condition(column, "", " = ?", *flag ? 1 : 0)};
  }
  if (field.type == Field::Type::kInteger) {
    return read_number_filter(field.name, parameter, lookup, value);
  }
  if (field.type == Field::Type::kChoice && lookup.empty() && !value.empty() &&
      !contains_text(field.choices, value)) {
    return refused(parameter,
                   "Select a valid choice. " + value + " is not one of the available choices.");
  }
  return read_text_filter(column, parameter, lookup, value);
}

ReadFilter read_extra_filter(const Rendering& rendering, const Resource& resource,
                             const Filter& filter, const std::string& parameter,
                             std::string_view lookup, const std::string& value) {
  const Column column{.rendering = rendering, .resource = resource, .name = filter.name};
  if (filter.kind == Filter::Kind::kTime) {
    return read_time_filter(column, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kNumber) {
    return read_number_filter(filter.name, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kText) {
    return read_text_filter(column, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kHref) {
    return read_href_filter(rendering,
                            {.name = filter.name,
                             .target = filter.target,
                             .may_be_null = filter.takes_null,
                             .sql = column.sql},
                            lookup, value);
  }
  if (filter.kind == Filter::Kind::kFlag) {
    const auto flag = flag_of(value);
    if (!flag) return {};
    return {.accepts = [matches = filter.matches, text = *flag ? "true" : "false"](const Row& row) {
      return matches(row, {}, text);
    }};
  }
  if (value.empty()) {
    return filter.empty_error.empty() ? ReadFilter{} : refused(filter.empty_error);
  }
  if (auto complaint = uri_complaint(rendering, filter, lookup, value); !complaint.empty()) {
    return refused(std::move(complaint));
  }
  if (filter.refuse) {
    if (auto complaint = filter.refuse(value); !complaint.empty()) {
      return refused(std::move(complaint));
    }
  }
  return {.accepts = [matches = filter.matches, lookup = std::string(lookup),
                      value](const Row& row) { return matches(row, lookup, value); }};
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto part = trimmed(std::string_view(text).substr(begin, end - begin));
    if (!part.empty()) parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

bool contains_text(const std::vector<std::string>& list, const std::string& value) {
  return std::ranges::find(list, value) != list.end();
}

ReadFilter refused(const std::string& name, std::string text) {
  Json error = Json::object();
  error[name] = error_list(std::move(text));
  return {.error = std::move(error)};
}

ReadFilter refused(std::string text) { return {.error = error_list(std::move(text))}; }

std::optional<Condition> condition(const std::optional<std::string>& column,
                                   const std::string& before, const std::string& after,
                                   Json value) {
  if (!column) return std::nullopt;
  return Condition{.sql = before + *column + after, .values = Json::array({std::move(value)})};
}

Predicate on_text(std::string name, std::function<bool(const std::string&)> accepts) {
  return [name = std::move(name), accepts = std::move(accepts)](const Row& row) {
    const auto value = filter_value(row, name);
    return value.is_string() && accepts(value.get<std::string>());
  };
}

Json filter_value(const Row& row, std::string_view name) {
  if (name == "pulp_created") return iso_time(row.created);
  if (name == "pulp_last_updated") return iso_time(row.updated);
  if (name == "pk" || name == "pulp_id") return row.id;
  if (name == "pulp_type") return row.type;
  return row.doc.value(name, Json());
}

bool lists_what_lies_below(std::span<const Resource> resources, const Resource& resource) {
  const auto* kind = resource.lists.empty() ? &resource : resource_of(resources, resource.lists);
  return kind != nullptr && !kind->parent.empty();
}

ReadFilter read_filter(const Rendering& rendering, const Resource& resource,
                       const std::string& name, const std::string& value) {
  if ((name == "pulp_id__in" || name.starts_with("pulp_type")) &&
      lists_what_lies_below(rendering.resources, resource)) {
    return {.known = false};
  }
  if (name == "pulp_id__in" || name == "pulp_href__in" || name == "prn__in") {
    return read_identity(name, value);
  }
  if (name == "q") return read_expression(rendering, resource, value);
  const auto cut = name.find("__");
  const auto field_name = name.substr(0, cut);
  const auto lookup = cut == std::string::npos ? std::string() : name.substr(cut + 2);
  if (cut != std::string::npos && lookup.empty()) return {.known = false};
  if (field_name == "pulp_type" && !resource.lists.empty() && (lookup.empty() || lookup == "in")) {
    return read_type_filter(rendering, resource, name, lookup, value);
  }
  for (const auto& field : resource.fields) {
    if (field.type == Field::Type::kLabels && name == "pulp_label_select") {
      return read_label_select(field.name, value);
    }
    if (field.name == field_name && offers(field.lookups, lookup)) {
      return read_field_filter(rendering, resource, field, name, lookup, value);
    }
  }
  for (const auto& filter : resource.filters) {
    if (filter.name == field_name && offers(filter.lookups, lookup)) {
      return read_extra_filter(rendering, resource, filter, name, lookup, value);
    }
  }
  return {.known = false};
}

}  // namespace hubcache::rest
