#include "hubcache/rest/condition.h"

#include <utility>

#include "hubcache/rest/resource.h"

namespace hubcache::rest {
namespace {

Condition joined_by(const char* word, Condition a, Condition b) {
  if (a.sql.empty()) return b;
  if (b.sql.empty()) return a;
  a.sql += word + b.sql;
  for (auto& value : b.values) a.values.push_back(std::move(value));
  return a;
}

/// Do SQL and code order and compare its values alike?
bool is_single_value(Field::Type type) {
  using Type = Field::Type;
  return type == Type::kText || type == Type::kUrl || type == Type::kPath || type == Type::kPem ||
         type == Type::kChoice || type == Type::kInteger || type == Type::kNumber ||
         type == Type::kBoolean || type == Type::kHref;
}

}  // namespace

/// Without parentheses, which SQLite reads a hundred deep at most.
Condition both(Condition a, Condition b) { return joined_by(" AND ", std::move(a), std::move(b)); }

Condition either(Condition a, Condition b) {
  if (a.sql.empty() || b.sql.empty()) return {};
  auto joined = joined_by(" OR ", std::move(a), std::move(b));
  joined.sql = "(" + joined.sql + ")";
  return joined;
}

Condition negated(Condition inner) {
  inner.sql = "NOT coalesce(" + (inner.sql.empty() ? "1" : inner.sql) + ", 0)";
  return inner;
}

std::string is_one_of(const std::string& expression) {
  return expression + " IN (SELECT value FROM json_each(?))";
}

std::optional<std::string> sql_value(const Resource& resource, std::string_view name) {
  if (name == "pulp_created") return "created";
  if (name == "pulp_last_updated") return "updated";
  if (name == "pk" || name == "pulp_id") return "id";
  const auto* field = resource.field(name);
  if (field == nullptr || field->is_sealed || !is_single_value(field->type)) return std::nullopt;
  if (name == "name") return "name";  // the column has an index
  return "json_extract(doc, '$." + field->name + "')";
}

}  // namespace hubcache::rest
