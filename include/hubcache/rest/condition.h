#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hubcache/rest/json.h"

namespace hubcache::rest {

struct Resource;

/// A condition on rows of the table `resources`, as SQL: what a filter says in code, said to the
/// database. Where it is not true it may be NULL.
struct Condition {
  // Each `?` stands for the next of `values`; empty: true. Nothing in it binds looser than AND.
  std::string sql = {};
  Json values = Json::array();  // texts, numbers, or lists of them
};
Condition both(Condition a, Condition b);
Condition either(Condition a, Condition b);
Condition negated(Condition inner);
/// Is it one of the values in the list that `?` stands for?
std::string is_one_of(const std::string& expression);

/// What a row of the resource is filtered and ordered by under that name, as an expression of SQL;
/// nullopt when only code can tell: it is sealed, or no single value.
std::optional<std::string> sql_value(const Resource& resource, std::string_view name);

}  // namespace hubcache::rest
