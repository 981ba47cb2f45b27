#include "filtering.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hubcache/rest/regex.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool contains(const std::vector<std::string>& list, const std::string& value) {
  return std::ranges::find(list, value) != list.end();
}

std::optional<bool> flag_of(const std::string& value) {
  const auto text = lower(value);
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

ReadFilter read_text_filter(const std::string& name, const std::string& parameter,
                            std::string_view lookup, const std::string& value) {
  if (value.empty()) return {};
  const auto small = lower(value);
  if (lookup.empty()) return {.accepts = on_text(name, [value](auto& v) { return v == value; })};
  if (lookup == "ne") return {.accepts = on_text(name, [value](auto& v) { return v != value; })};
  if (lookup == "in") {
    return {.accepts = on_text(name, [list = split(value)](auto& v) { return contains(list, v); })};
  }
  if (lookup == "iexact") {
    return {.accepts = on_text(name, [small](auto& v) { return lower(v) == small; })};
  }
  if (lookup == "contains") {
    return {.accepts =
                on_text(name, [value](auto& v) { return v.find(value) != std::string::npos; })};
  }
  if (lookup == "icontains") {
    return {.accepts = on_text(
                name, [small](auto& v) { return lower(v).find(small) != std::string::npos; })};
  }
  if (lookup == "startswith") {
    return {.accepts = on_text(name, [value](auto& v) { return v.starts_with(value); })};
  }
  if (lookup == "istartswith") {
    return {.accepts = on_text(name, [small](auto& v) { return lower(v).starts_with(small); })};
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

/// The id at the end of an href or PRN; what has none names nothing.
std::string id_of_reference(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const auto cut = text.find_last_of("/:");
  return canonical_uuid(cut == std::string_view::npos ? text : text.substr(cut + 1)).value_or("");
}

/// The id a reference to a row of this kind holds; nullopt when it is none.
std::optional<std::string> reference_id(const Rendering& rendering, const std::string& kind,
                                        const std::string& text) {
  const auto* target = resource_of(rendering.resources, kind);
  if (target == nullptr) return std::nullopt;
  const bool fits = text.starts_with(prn(*target, "")) ||
                    (text.starts_with(rendering.root + target->path) && text.ends_with('/'));
  auto id = fits ? id_of_reference(text) : std::string();
  return id.empty() ? std::nullopt : std::optional(std::move(id));
}

ReadFilter read_href_filter(const Rendering& rendering, const Field& field, std::string_view lookup,
                            const std::string& value) {
  if (value.empty()) return {};
  std::vector<std::string> ids;
  for (const auto& text : lookup == "in" ? split(value) : std::vector{value}) {
    auto id = reference_id(rendering, field.target, text);
    if (!id) return refused("URI couldn't be resolved: " + text);
    ids.push_back(std::move(*id));
  }
  return {.accepts = on_text(field.name, [ids](auto& id) { return contains(ids, id); })};
}

/// `pulp_id__in`, `pulp_href__in`, `prn__in`: an empty list is one that holds nothing.
ReadFilter read_identity(const Rendering& rendering, const Resource& resource,
                         const std::string& name, const std::string& value) {
  std::vector<std::string> ids;
  for (const auto& text : split(value)) {
    if (name == "pulp_id__in") {
      const auto id = canonical_uuid(text);
      if (!id) return refused(name, "Enter a valid UUID.");
      ids.push_back(*id);
    } else if (name == "prn__in") {
      if (!text.starts_with("prn:")) {
        return refused("Not a valid PRN: " + text + ", must start with 'prn:'");
      }
      const auto own = prn(resource, "");
      if (text.starts_with(own)) ids.push_back(text.substr(own.size()));
    } else {
      if (!text.starts_with(rendering.root)) return refused("URI not valid: " + text);
      const auto own = rendering.root + resource.path;
      if (text.starts_with(own)) ids.push_back(id_of_reference(text));
    }
  }
  return {.accepts = [ids](const Row& row) { return contains(ids, row.id); }};
}

bool offers(Lookups lookups, std::string_view lookup) {
  return std::ranges::find(lookups, lookup) != lookups.end();
}

ReadFilter read_field_filter(const Rendering& rendering, const Field& field,
                             const std::string& parameter, std::string_view lookup,
                             const std::string& value) {
  if (field.type == Field::Type::kHref) return read_href_filter(rendering, field, lookup, value);
  if (field.type == Field::Type::kChoice && lookup.empty() && !value.empty() &&
      !contains(field.choices, value)) {
    return refused(parameter,
                   "Select a valid choice. " + value + " is not one of the available choices.");
  }
  return read_text_filter(field.name, parameter, lookup, value);
}

ReadFilter read_extra_filter(const Filter& filter, const std::string& parameter,
                             std::string_view lookup, const std::string& value) {
  if (filter.kind == Filter::Kind::kTime) {
    return read_time_filter(filter.name, parameter, lookup, value);
  }
  if (filter.kind == Filter::Kind::kText) {
    return read_text_filter(filter.name, parameter, lookup, value);
  }
  if (value.empty()) return {};
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
  return row.doc.value(name, Json());
}

ReadFilter read_filter(const Rendering& rendering, const Resource& resource,
                       const std::string& name, const std::string& value) {
  if (name == "pulp_id__in" || name == "pulp_href__in" || name == "prn__in") {
    return read_identity(rendering, resource, name, value);
  }
  if (name == "q") return read_expression(rendering, resource, value);
  const auto cut = name.find("__");
  const auto field_name = name.substr(0, cut);
  const auto lookup = cut == std::string::npos ? std::string() : name.substr(cut + 2);
  if (cut != std::string::npos && lookup.empty()) return {.known = false};
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
      return read_extra_filter(filter, name, lookup, value);
    }
  }
  return {.known = false};
}

}  // namespace hubcache::rest
