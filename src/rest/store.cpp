#include "hubcache/rest/store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kTable = "resources";

std::string name_of(const Row& row) { return row.doc.value("name", row.id); }

void mark(Row& row, const Resource& resource) {
  row.kind = resource.kind;
  row.type = resource.type;
}

/// Takes every mention of a row that is gone out of a reference; false when there is none.
bool forget(Json& value, const std::string& id) {
  if (value.is_array()) {
    const auto size = value.size();
    Json left = Json::array();
    for (const auto& item : value) {
      if (item != id) left.push_back(item);
    }
    value = std::move(left);
    return value.size() != size;
  }
  if (value != id) return false;
  value = nullptr;
  return true;
}

constexpr std::string_view kRows =
    "SELECT id, kind, name, created, updated, epoch, doc FROM resources WHERE kind = ?1 AND ";

/// The condition with its values in one list, the parameter ?2, which is there when none are used.
std::string sql_of(const Condition& where) {
  std::string sql = where.sql.empty() ? "json_valid(?2)" : "json_valid(?2) AND ";
  std::size_t index = 0;
  for (const char c : where.sql) {
    if (c == '?') {
      sql += "json_extract(?2, '$[" + std::to_string(index++) + "]')";
    } else {
      sql += c;
    }
  }
  return sql;
}

}  // namespace

std::string Store::seal(const Resource& resource, const Row& row) const {
  Json kept = row.doc;
  for (const auto& field : resource.fields) {
    const auto value = kept.find(field.name);
    if (!field.is_sealed || value == kept.end() || value->is_null()) continue;
    const auto sealed =
        secrets_.seal(to_text(*value), {.table = kTable, .row = row.id, .field = field.name});
    *value = Json{{"$sealed", sealed}};
  }
  return to_text(kept);
}

Json Store::open(const std::string& id, const std::string& text) const {
  auto document = Json::parse(text);
  for (const auto& [field, value] : document.items()) {
    if (!value.is_object() || !value.contains("$sealed")) continue;
    const auto sealed = value.at("$sealed").get<std::string>();
    value = Json::parse(secrets_.open(sealed, {.table = kTable, .row = id, .field = field}));
  }
  return document;
}

Row Store::row_of(const db::Statement& columns) const {
  Row row{.id = columns.text(0),
          .kind = columns.text(1),
          .type = {},
          .name = columns.text(2),
          .created = columns.integer(3),
          .updated = columns.integer(4),
          .epoch = static_cast<std::uint64_t>(columns.integer(5))};
  row.doc = open(row.id, columns.text(6));
  if (const auto* resource = resource_of(resources_, row.kind)) row.type = resource->type;
  return row;
}

std::vector<Row> Store::all(db::Connection& sql, const Resource& resource,
                            const Condition& where) const {
  std::vector<Row> result;
  if (!resource.lists.empty()) {
    for (const auto& other : resources_) {
      if (!is_of(other.kind, resource.lists) || !other.lists.empty()) continue;
      auto rows = all(sql, other, where);
      result.insert(result.end(), std::move_iterator(rows.begin()), std::move_iterator(rows.end()));
    }
    return result;
  }
  if (resource.rows) {
    result = resource.rows(sql);
    for (auto& row : result) mark(row, resource);
    return result;
  }
  auto columns =
      sql.query(std::string(kRows) + sql_of(where), resource.kind, to_text(where.values));
  while (columns.step()) result.push_back(row_of(columns));
  return result;
}

Store::Page Store::page(db::Connection& sql, const Resource& resource, const Condition& where,
                        const std::string& order, std::size_t limit, std::size_t offset) const {
  Page page;
  std::vector<std::string> ids;
  auto all = sql.query(
      "SELECT id FROM resources WHERE kind = ?1 AND " + sql_of(where) + " ORDER BY " + order,
      resource.kind, to_text(where.values));
  for (; all.step(); ++page.count) {
    if (page.count >= offset && page.count - offset < limit) ids.push_back(all.text(0));
  }
  for (const auto& id : ids) {
    if (auto row = find(sql, resource, id)) page.rows.push_back(*std::move(row));
  }
  return page;
}

std::optional<Row> Store::find(db::Connection& sql, const Resource& resource,
                               std::string_view id) const {
  if (resource.row) {
    auto row = resource.row(sql, id);
    if (row) mark(*row, resource);
    return row;
  }
  auto columns = sql.query(
      "SELECT id, kind, name, created, updated, epoch, doc FROM resources WHERE id = ?1 AND kind = "
      "?2",
      id, resource.kind);
  if (!columns.step()) return std::nullopt;
  return row_of(columns);
}

std::optional<Row> Store::find(db::Connection& sql, std::string_view family,
                               std::string_view id) const {
  for (const auto& resource : resources_) {
    if (!is_of(resource.kind, family) || !resource.lists.empty()) continue;
    if (auto row = find(sql, resource, id)) return row;
  }
  return std::nullopt;
}

std::optional<Row> Store::find_at(db::Connection& sql, const Resource& resource,
                                  std::string_view parent, std::string_view key) const {
  if (resource.key.empty()) return find(sql, resource, key);
  for (auto& row : all(sql, resource)) {
    const bool is_below = resource.parent.empty() || row.doc.value(resource.parent, "") == parent;
    if (is_below && row.doc.at(resource.key).dump() == key) return std::move(row);
  }
  return std::nullopt;
}

void Store::insert(db::Connection& sql, const Resource& resource, Row& row) const {
  const auto stamp = stamps_.next();
  row.id = stamp.id;
  row.created = row.updated = stamp.micros;
  mark(row, resource);
  row.name = name_of(row);
  sql.run(
      "INSERT INTO resources (id, kind, name, created, updated, epoch, doc) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      row.id, resource.kind, row.name, row.created, row.updated, row.epoch, seal(resource, row));
}

void Store::update(db::Connection& sql, const Resource& resource, Row& row,
                   const Json& before) const {
  for (const auto& field : resource.fields) {
    if (!field.changes_epoch) continue;
    if (before.value(field.name, Json()) == row.doc.value(field.name, Json())) continue;
    ++row.epoch;
    break;
  }
  row.updated = stamps_.next().micros;
  row.name = name_of(row);
  sql.run("UPDATE resources SET name = ?2, updated = ?3, epoch = ?4, doc = ?5 WHERE id = ?1",
          row.id, row.name, row.updated, row.epoch, seal(resource, row));
}

void Store::rewrite(db::Connection& sql, const Resource& resource, const Row& row) const {
  sql.run("UPDATE resources SET doc = ?2 WHERE id = ?1", row.id, seal(resource, row));
}

void Store::remove(db::Connection& sql, const Row& row) const {
  sql.run("DELETE FROM resources WHERE id = ?1", row.id);
  for (const auto& other : resources_) {
    if (!other.rows && other.lists.empty()) forget_row(sql, other, row);
  }
}

void Store::forget_row(db::Connection& sql, const Resource& referrer, const Row& gone) const {
  std::vector<std::string> names;
  for (const auto& field : referrer.fields) {
    const bool refers = !field.target.empty() && !field.is_computed();
    if (refers && is_of(gone.kind, field.target)) names.push_back(field.name);
  }
  if (names.empty()) return;
  const Condition mentions{.sql = "instr(doc, ?) > 0", .values = Json::array({gone.id})};
  for (auto& row : all(sql, referrer, mentions)) {
    bool forgot = false;
    for (const auto& name : names) forgot = forget(row.doc[name], gone.id) || forgot;
    if (forgot) rewrite(sql, referrer, row);
  }
}

Row Store::create(db::Connection& sql, const Resource& resource, const Json& values) const {
  const Input input{.values = values};
  auto checked = validate(*this, sql, resource, input, Mode::kCreate, nullptr);
  if (!checked.errors.empty()) throw Error(Error::Kind::kBadRequest, to_text(checked.errors));
  Row row;
  row.doc = std::move(checked.after);
  insert(sql, resource, row);
  return row;
}

bool Store::change(db::Connection& sql, const Resource& resource, Row& row,
                   const Json& values) const {
  const Input input{.values = values};
  auto checked = validate(*this, sql, resource, input, Mode::kPatch, &row);
  if (!checked.errors.empty()) throw Error(Error::Kind::kBadRequest, to_text(checked.errors));
  if (!checked.changes) return false;
  const Json before = std::exchange(row.doc, std::move(checked.after));
  update(sql, resource, row, before);
  return true;
}

}  // namespace hubcache::rest
