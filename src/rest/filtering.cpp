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

#include "text_values.h"

namespace hubcache::rest {
namespace {

std::vector<std::string> split(const std::string& text) {
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

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::ranges::find(list, value) != list.end();
}

std::optional<bool> flag_of(const std::string& value) {
  const auto text = lower_case(value);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

ReadFilter refused(const std::string& name, std::string text) {
  Json error = Json::object();
  error[name] = error_list(std::move(text));
  return {.error = std::move(error)};
}
ReadFilter refused(std::string text) { return {.error = error_list(std::move(text))}; }

/// Compares the row's value of that name, when it is text.
Predicate on_text(std::string name, std::function<bool(const std::string&)> accepts) {
  return [name = std::move(name), accepts = std::move(accepts)](const Row& row) {
    const auto value = filter_value(row, name);
    return value.is_string() && accepts(value.get<std::string>());
  };
}

constexpr std::string_view kNullCharacter = "Null characters are not allowed.";

ReadFilter read_text_filter(const std::string& name, const std::string& parameter,
                            std::string_view lookup, const std::string& given) {
  if (given.find('\0') != std::string::npos) return refused(parameter, std::string(kNullCharacter));
  const std::string value(trimmed(given));
  if (value.empty()) return {};
  const auto small = lower_case(value);
  if (lookup.empty()) return {.accepts = on_text(name, [value](auto& v) { return v == value; })};
  if (lookup == "ne") return {.accepts = on_text(name, [value](auto& v) { return v != value; })};
  if (lookup == "in") {
    return {.accepts = on_text(name, [list = split(value)](auto& v) { return contains(list, v); })};
  }
  if (lookup == "iexact") {
    return {.accepts = on_text(name, [small](auto& v) { return lower_case(v) == small; })};
  }
  if (lookup == "contains") {
    return {.accepts =
                on_text(name, [value](auto& v) { return v.find(value) != std::string::npos; })};
  }
  if (lookup == "icontains") {
    return {.accepts = on_text(
                name, [small](auto& v) { return lower_case(v).find(small) != std::string::npos; })};
  }
  if (lookup == "startswith") {
    return {.accepts = on_text(name, [value](auto& v) { return v.starts_with(value); })};
  }
  if (lookup == "istartswith") {
    return {.accepts =
                on_text(name, [small](auto& v) { return lower_case(v).starts_with(small); })};
  }
  if (lookup == "regex" || lookup == "iregex") {
    const auto regex = Regex::compile(value, lookup == "iregex");
    if (!regex) return refused(parameter, "Enter a valid regular expression.");
    return {.accepts = on_text(name, [regex](auto& v) { return regex->found_in(v); })};
  }
  return {.known = false};
}

ReadFilter read_null_filter(const std::string& name, const std::string& value) {
  const auto flag = flag_of(value);
  if (!flag) return {};
  return {.accepts = [name, flag](const Row& row) {
    return filter_value(row, name).is_null() == *flag;
  }};
}

ReadFilter read_time_filter(const std::string& name, const std::string& parameter,
                            std::string_view lookup, const std::string& value) {
  if (value.empty()) return {};
  if (lookup == "isnull") return read_null_filter(name, value);
  std::vector<std::int64_t> times;
  for (const auto& text : lookup == "range" ? split(value) : std::vector{value}) {
    const auto time = parse_iso_time(text);
    if (!time) return refused(parameter, "Enter a valid date/time.");
    times.push_back(*time);
  }
  if (lookup == "range" && times.size() != 2) {
    return refused(parameter, "Range query expects two values.");
  }
  return {.accepts = [name, lookup = std::string(lookup), times](const Row& row) {
    const auto value_then = filter_value(row, name);
    if (!value_then.is_string()) return false;
    const auto then = parse_iso_time(value_then.get<std::string>()).value_or(0);
    if (lookup == "lt") return then < times[0];
    if (lookup == "lte") return then <= times[0];
    if (lookup == "gt") return then > times[0];
    if (lookup == "gte") return then >= times[0];
    if (lookup == "range") return then >= times[0] && then <= times[1];
    return then == times[0];
  }};
}

/// The path of a URL, or of what is one already, without its query.
std::string path_of(std::string_view uri) {
  uri = uri.substr(0, uri.find_first_of("?#"));
  const auto scheme = uri.find("://");
  if (scheme == std::string_view::npos) return std::string(uri);
  const auto path = uri.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string() : std::string(uri.substr(path));
}

/// The id that a URI ends with.
std::optional<std::string> id_at_end_of(std::string_view uri) {
  const auto path = path_of(uri);
  std::string_view rest = path;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return canonical_uuid(rest.substr(rest.rfind('/') + 1));
}

Json parts_of_prn(const std::string& text) {
  Json parts = Json::array();
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// What an href or PRN in a filter names: an id, or all of a kind; or what is wrong with it.
struct Target {
  std::optional<std::string> id = {};
  std::string complaint = {};
};

Target target_of_prn(const Rendering& rendering, const Field& field, const std::string& text) {
  const auto parts = parts_of_prn(text);
  if (parts.size() != 3) {
    return {.complaint = "PRN must be of the form 'prn:app_label.model_label:pk': " + text};
  }
  const auto model = parts[1].get<std::string>();
  const auto resource = std::ranges::find(rendering.resources, model, &Resource::model);
  if (resource == rendering.resources.end()) {
    return {.complaint = "Model " + model + " does not exist"};
  }
  auto id = canonical_uuid(parts[2].get<std::string>());
  if (!id) return {.complaint = "PK invalid: " + parts[2].get<std::string>()};
  if (is_of(resource->kind, field.target)) return {.id = std::move(id)};
  return {.complaint = "URI/PRN is not a valid href for " + field.name + " model: " + text};
}

Target target_of(const Rendering& rendering, const Field& field, const std::string& text) {
  if (text.starts_with("prn:")) return target_of_prn(rendering, field, text);
  const auto address = read_href(rendering.resources, rendering.root, path_of(text));
  if (address.is_collection) return {};
  if (address.resource == nullptr) return {.complaint = "URI couldn't be resolved: " + text};
  if (!is_of(address.resource->kind, field.target)) {
    return {.complaint = "URI/PRN is not a valid href for " + field.name + " model: " + text};
  }
  if (address.resource->key.empty()) {
    auto id = canonical_uuid(address.key);
    if (!id) return {.complaint = "UUID invalid: " + address.key};
    return {.id = std::move(id)};
  }
  const auto row =
      rendering.store->find_at(*rendering.sql, *address.resource, address.parent, address.key);
  return {.id = row ? row->id : std::string()};
}

ReadFilter read_href_filter(const Rendering& rendering, const Field& field, std::string_view lookup,
                            const std::string& value) {
  if (value.empty()) return refused("No value supplied for " + field.name + " filter.");
  std::vector<std::string> ids;
  for (const auto& text : lookup == "in" ? split(value) : std::vector{value}) {
    auto target = target_of(rendering, field, text);
    if (!target.complaint.empty()) return refused(std::move(target.complaint));
    // A list stands for all that may be in it.
    if (!target.id) return {.accepts = on_text(field.name, [](auto&) { return true; })};
    ids.push_back(std::move(*target.id));
  }
  return {.accepts = on_text(field.name, [ids](auto& id) { return contains(ids, id); })};
}

/// `pulp_id__in`, `pulp_href__in`, `prn__in`: an empty list is one that holds nothing.
ReadFilter read_identity(const std::string& name, const std::string& value) {
  std::vector<std::string> ids;
  for (const auto& text : split(value)) {
    const bool is_prn = text.starts_with("prn:");
    std::optional<std::string> id;
    if (name == "pulp_id__in") {
      id = canonical_uuid(text);
      if (!id) return refused(name, "Enter a valid UUID.");
    } else if (is_prn) {
      const auto parts = parts_of_prn(text);
      if (parts.size() == 3) id = canonical_uuid(parts[2].get<std::string>());
      if (!id) return refused("PRN not valid: " + python_text(parts));
    } else if (name == "prn__in") {
      return refused("Not a valid PRN: " + text + ", must start with 'prn:'");
    } else {
      id = id_at_end_of(text);
      if (!id) return refused("URI not valid: " + text);
    }
    // What is of another kind is in no list of this one.
    ids.push_back(std::move(*id));
  }
  return {.accepts = [ids](const Row& row) { return contains(ids, row.id); }};
}

/// `pulp_type` of a list of several kinds.
ReadFilter read_type_filter(const Rendering& rendering, const Resource& resource,
                            const std::string& parameter, std::string_view lookup,
                            const std::string& value) {
  std::vector<std::string> types;
  for (const auto& other : rendering.resources) {
    if (is_of(other.kind, resource.lists)) types.push_back(other.type);
  }
  const auto wanted = lookup == "in" ? split(value) : std::vector{value};
  for (const auto& type : wanted) {
    if (!type.empty() && !contains(types, type)) {
      return refused(parameter,
                     "Select a valid choice. " + type + " is not one of the available choices.");
    }
  }
  if (value.empty()) return {};
  return {.accepts = [wanted](const Row& row) { return contains(wanted, row.type); }};
}

ReadFilter read_number_filter(const std::string& name, const std::string& parameter,
                              std::string_view lookup, const std::string& value) {
  if (value.empty()) return {};
  if (lookup == "isnull") return read_null_filter(name, value);
  std::vector<double> numbers;
  for (const auto& text : lookup == "range" || lookup == "in" ? split(value) : std::vector{value}) {
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

ReadFilter read_field_filter(const Rendering& rendering, const Field& field,
                             const std::string& parameter, std::string_view lookup,
                             const std::string& value) {
  if (field.type == Field::Type::kHref) return read_href_filter(rendering, field, lookup, value);
  if (field.type == Field::Type::kBoolean) {
    const auto flag = flag_of(value);
    if (!flag) return {};
    return {.accepts = [name = field.name, flag](const Row& row) {
      return filter_value(row, name) == *flag;
    }};
  }
  if (field.type == Field::Type::kInteger) {
    return read_number_filter(field.name, parameter, lookup, value);
  }
  if (field.type == Field::Type::kChoice && lookup.empty() && !value.empty() &&
      !contains(field.choices, value)) {
    return refused(parameter,
                   "Select a valid choice. " + value + " is not one of the available choices.");
  }
  return read_text_filter(field.name, parameter, lookup, value);
}

bool is_uri(const Rendering& rendering, Filter::Uri kind, const std::string& value) {
  if (kind == Filter::Uri::kAny) return true;
  if (kind == Filter::Uri::kEndsInId) {
    return value.starts_with("prn:") || id_at_end_of(value).has_value();
  }
  if (value.starts_with("prn:")) return true;
  if (kind == Filter::Uri::kRoutedOrNull && value == "null") return true;
  const auto address = read_href(rendering.resources, rendering.root, path_of(value));
  return address.is_collection || address.resource != nullptr;
}

ReadFilter read_extra_filter(const Rendering& rendering, const Filter& filter,
                             const std::string& parameter, std::string_view lookup,
                             const std::string& value) {
  if (filter.kind == Filter::Kind::kTime) {
    return read_time_filter(filter.name, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kNumber) {
    return read_number_filter(filter.name, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kText) {
    return read_text_filter(filter.name, parameter, lookup, value);
  }
  if (value.empty()) {
    return filter.empty_error.empty() ? ReadFilter{} : refused(filter.empty_error);
  }
  for (const auto& uri : lookup == "in" ? split(value) : std::vector{value}) {
    if (!is_uri(rendering, filter.uri, uri)) return refused(filter.uri_error + uri);
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
      return read_field_filter(rendering, field, name, lookup, value);
    }
  }
  for (const auto& filter : resource.filters) {
    if (filter.name == field_name && offers(filter.lookups, lookup)) {
      return read_extra_filter(rendering, filter, name, lookup, value);
    }
  }
  return {.known = false};
}

}  // namespace hubcache::rest
