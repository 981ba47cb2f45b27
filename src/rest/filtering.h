#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"

namespace hubcache::rest {

using Predicate = std::function<bool(const Row&)>;

/// One query parameter, read.
struct ReadFilter {
  bool known = true;
  Predicate accepts = {};  // empty: says nothing
  Json error = {};         // not null: the body of a 400
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

/// The value a row is filtered and ordered by; null when it has none.
Json filter_value(const Row& row, std::string_view name);

}  // namespace hubcache::rest
