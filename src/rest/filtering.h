#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/rest/condition.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"

namespace hubcache::rest {

using Predicate = std::function<bool(const Row&)>;

/// One query parameter, read.
struct ReadFilter {
  bool known = true;
  Predicate accepts = {};             // empty: says nothing
  std::optional<Condition> sql = {};  // the same of rows in the table, where SQL can say it
  Json error = {};                    // not null: the body of a 400
};

/// Are these objects that lie below another one? They have neither an id of their own in their href
/// nor a type to be found by.
bool lists_what_lies_below(std::span<const Resource> resources, const Resource& resource);

/// Reads `name=value` for a list of this resource.
ReadFilter read_filter(const Rendering& rendering, const Resource& resource,
                       const std::string& name, const std::string& value);
/// Reads `q=...`: filters joined by AND, OR, NOT and parentheses.
ReadFilter read_expression(const Rendering& rendering, const Resource& resource,
                           const std::string& text);
/// Reads `pulp_label_select=...` over the labels in `field`.
ReadFilter read_label_select(const std::string& field, const std::string& text);

/// A filter whose value cannot be used: the error is by name...
ReadFilter refused(const std::string& name, std::string text);
/// ...or a bare list.
ReadFilter refused(std::string text);
/// `before` and `after` around what rows have in SQL, if they have it there, for one value.
std::optional<Condition> condition(const std::optional<std::string>& column,
                                   const std::string& before, const std::string& after, Json value);
/// Compares the row's value of that name, when it is text.
Predicate on_text(std::string name, std::function<bool(const std::string&)> accepts);
/// What stands between commas, without spaces around it and without what is empty.
std::vector<std::string> split_list(const std::string& text);
bool contains_text(const std::vector<std::string>& list, const std::string& value);

/// The value a row is filtered and ordered by; null when it has none.
Json filter_value(const Row& row, std::string_view name);

}  // namespace hubcache::rest
