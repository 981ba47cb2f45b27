#include "hubcache/rest/store.h"

#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kTable = "resources";

Row row_of(const db::Statement& rows) {
  return {.id = rows.text(0),
          .name = rows.text(1),
          .created = rows.integer(2),
          .updated = rows.integer(3),
          .epoch = static_cast<std::uint64_t>(rows.integer(4)),
          .doc = {}};
}

std::string name_of(const Row& row) { return row.doc.value("name", row.id); }

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
  for (auto& [field, value] : document.items()) {
    if (!value.is_object() || !value.contains("$sealed")) continue;
    const auto sealed = value.at("$sealed").get<std::string>();
    value = Json::parse(secrets_.open(sealed, {.table = kTable, .row = id, .field = field}));
  }
  return document;
}

std::vector<Row> Store::all(db::Connection& sql, const Resource& resource) const {
  if (resource.rows) return resource.rows(sql);
  std::vector<Row> result;
  auto rows =
      sql.query("SELECT id, name, created, updated, epoch, doc FROM resources WHERE kind = ?1",
                resource.kind);
  while (rows.step()) {
    auto row = row_of(rows);
    row.doc = open(row.id, rows.text(5));
    result.push_back(std::move(row));
  }
  return result;
}

std::optional<Row> Store::find(db::Connection& sql, const Resource& resource,
                               std::string_view id) const {
  if (resource.row) return resource.row(sql, id);
  auto rows = sql.query(
      "SELECT id, name, created, updated, epoch, doc FROM resources WHERE id = ?1 AND kind = ?2",
      id, resource.kind);
  if (!rows.step()) return std::nullopt;
  auto row = row_of(rows);
  row.doc = open(row.id, rows.text(5));
  return row;
}

void Store::insert(db::Connection& sql, const Resource& resource, Row& row) const {
  const auto stamp = stamps_.next();
  row.id = stamp.id;
  row.created = row.updated = stamp.micros;
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

void Store::remove(db::Connection& sql, const Resource& resource, const Row& row) const {
  sql.run("DELETE FROM resources WHERE id = ?1", row.id);
  for (const auto& other : resources_) {
    for (const auto& field : other.fields) {
      if (field.type != Field::Type::kHref || field.target != resource.kind) continue;
      for (auto& referrer : all(sql, other)) {
        auto& value = referrer.doc[field.name];
        if (value != row.id) continue;
        value = nullptr;
        rewrite(sql, other, referrer);
      }
    }
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
