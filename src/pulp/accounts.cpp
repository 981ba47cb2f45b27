// Accounts as Pulp's users, and the roles there are. They are made by the command line.
#include "hubcache/access/accounts.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;
using rest::Row;

constexpr std::string_view kDescriptionFilters[] = {"", "iexact", "contains", "icontains"};
constexpr std::string_view kSizeFilters[] = {"", "gt", "lt", "range"};

rest::Resource read_only(std::string name, const std::string& path, std::string model) {
  return {.name = std::move(name),
          .kind = path.substr(0, path.size() - 2),
          .path = path,
          .model = std::move(model),
          .create = rest::Create::kNone,
          .change = rest::Change::kNone,
          .remove = rest::Change::kNone};
}

std::vector<Row> all_users(db::Connection& sql) {
  std::vector<Row> rows;
  for (const auto& account : access::all_accounts(sql)) {
    const auto created = account.created.time_since_epoch().count() * 1000;
    Row row{.id = std::to_string(account.id),
            .kind = {},
            .type = {},
            .name = account.name,
            .created = created,
            .updated = created};
    row.doc = Json{{"id", account.id},
                   {"username", account.name},
                   {"first_name", ""},
                   {"last_name", ""},
                   {"email", ""},
                   {"is_staff", account.role == access::Role::kAdmin},
                   {"is_active", true},
                   {"date_joined", rest::iso_time(created)},
                   {"groups", Json::array()},
                   {"password", "set"}};
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<Row> find_user(db::Connection& sql, std::string_view id) {
  for (auto& row : all_users(sql)) {
    if (row.id == id) return std::move(row);
  }
  return std::nullopt;
}

Row role_of(const char* name, Json permissions) {
  Row row{.id = rest::derived_uuid(name), .kind = {}, .type = {}, .name = name};
  row.doc = Json{{"name", name},
                 {"description", nullptr},
                 {"locked", true},
                 {"permissions", std::move(permissions)}};
  return row;
}

std::vector<Row> all_roles(db::Connection&) {
  return {role_of("core.rbaccontentguard_owner",
                  {"core.view_rbaccontentguard", "core.change_rbaccontentguard",
                   "core.delete_rbaccontentguard", "core.manage_roles_rbaccontentguard"}),
          role_of(kDownloader, {"core.download_rbaccontentguard"})};
}

std::optional<Row> find_role(db::Connection& sql, std::string_view id) {
  for (auto& row : all_roles(sql)) {
    if (row.id == id) return std::move(row);
  }
  return std::nullopt;
}

}  // namespace

rest::Resource user() {
  auto users = read_only("User", "users/", "auth.user");
  users.key = "id";
  users.has_times = false;
  users.fields = {rest::integer("id"),
                  rest::text("username").filters(rest::kFewNameFilters),
                  rest::text("first_name").filters(rest::kFewNameFilters),
                  rest::text("last_name").filters(rest::kFewNameFilters),
                  rest::text("email").filters(rest::kFewNameFilters),
                  rest::boolean("is_staff").filters(rest::kExact),
                  rest::boolean("is_active").filters(rest::kExact),
                  rest::time("date_joined"),
                  rest::texts("groups"),
                  rest::hidden_fields(),
                  rest::text("password").write_only()};
  users.rows = all_users;
  users.row = find_user;
  return users;
}

rest::Resource group() {
  auto groups = read_only("Group", "groups/", "core.group");
  groups.key = "id";
  groups.has_times = false;
  groups.has_options = false;
  groups.fields = {rest::integer("id").filters(rest::kExactIn),
                   rest::text("name").filters(rest::kFewNameFilters)};
  groups.rows = [](db::Connection&) { return std::vector<Row>(); };
  groups.row = [](db::Connection&, std::string_view) { return std::optional<Row>(); };
  return groups;
}

rest::Resource role() {
  auto roles = read_only("Role", "roles/", "core.role");
  roles.fields = {rest::text("name").filters(rest::kNameFilters),
                  rest::text("description").nullable().filters(kDescriptionFilters),
                  rest::texts("permissions"), rest::boolean("locked").filters(rest::kExact)};
  auto has_permission = [](const Row& row, std::string_view, const std::string& value) {
    const auto& permissions = row.doc.at("permissions");
    return std::ranges::find(permissions, Json(value)) != permissions.end();
  };
  auto is_for_guards = [](const Row&, std::string_view, const std::string& value) {
    return value.find("/contentguards/core/rbac/") != std::string::npos;
  };
  auto no_permission = [](const std::string& value) -> std::string {
    if (value.find('.') != std::string::npos) return {};
    return "Not a valid permission: " + value;
  };
  roles.no_orders = {"permissions"};
  roles.filters = {{.name = "contains_permission",
                    .lookups = rest::kExact,
                    .kind = rest::Filter::Kind::kCustom,
                    .matches = has_permission,
                    .refuse = no_permission},
                   {.name = "for_object_type",
                    .lookups = rest::kExact,
                    .kind = rest::Filter::Kind::kCustom,
                    .matches = is_for_guards,
                    .uri = rest::Filter::Uri::kRouted}};
  roles.rows = all_roles;
  roles.row = find_role;
  return roles;
}

std::vector<rest::View> made_elsewhere() {
  const auto refuse = [](const rest::Call&) -> Task<rest::Reply> {
    co_return rest::Reply{
        .status = 501,
        .body = rest::to_text(Json{
            {"detail", "This is not done by REST: see the commands of hubcache, and its guide."}})};
  };
  std::vector<rest::View> views;
  for (const char* path : {"users/", "groups/", "roles/", "artifacts/", "uploads/"}) {
    views.push_back({.path = path, .methods = {"POST"}, .handle = refuse});
  }
  return views;
}

rest::Resource upload() {
  auto uploads = read_only("Upload", "uploads/", "core.upload");
  uploads.has_options = false;
  uploads.fields = {rest::integer("size").filters(kSizeFilters)};
  uploads.rows = [](db::Connection&) { return std::vector<Row>(); };
  uploads.row = [](db::Connection&, std::string_view) { return std::optional<Row>(); };
  return uploads;
}

}  // namespace hubcache::pulp
