// All that is sealed in the database, sealed anew with the newest key.
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/json.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;

struct Sealed {
  std::string id;
  std::string text;
};

std::vector<Sealed> sealed_rows(db::Statement rows) {
  std::vector<Sealed> all;
  while (rows.step()) all.push_back({.id = rows.text(0), .text = rows.text(1)});
  return all;
}

std::string sealed_anew(const db::SecretBox& secrets, const std::string& sealed,
                        const db::SecretBox::Place& place) {
  return secrets.seal(secrets.open(sealed, place), place);
}

std::size_t reseal_resources(db::Connection& sql, const db::SecretBox& secrets) {
  std::size_t count = 0;
  for (const auto& row : sealed_rows(sql.query("SELECT id, doc FROM resources"))) {
    auto document = Json::parse(row.text);
    bool changed = false;
    for (const auto& [field, value] : document.items()) {
      if (!value.is_object() || !value.contains("$sealed")) continue;
      auto& sealed = value.at("$sealed");
      sealed = sealed_anew(secrets, sealed.get<std::string>(),
                           {.table = "resources", .row = row.id, .field = field});
      changed = true;
      ++count;
    }
    if (!changed) continue;
    sql.run("UPDATE resources SET doc = ?2 WHERE id = ?1", row.id, rest::to_text(document));
  }
  return count;
}

std::size_t reseal_results(db::Connection& sql, const db::SecretBox& secrets) {
  const auto rows = sealed_rows(sql.query("SELECT id, result FROM tasks WHERE result <> ''"));
  for (const auto& row : rows) {
    sql.run("UPDATE tasks SET result = ?2 WHERE id = ?1", row.id,
            sealed_anew(secrets, row.text, place_of_result(row.id)));
  }
  return rows.size();
}

}  // namespace

std::size_t reseal(db::Connection& sql, const db::SecretBox& secrets) {
  return reseal_resources(sql, secrets) + reseal_results(sql, secrets);
}

}  // namespace hubcache::pulp
