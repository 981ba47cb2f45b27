// Content guards (contract/pulp.md 5.4).
#include <algorithm>

#include <nlohmann/json.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/access/jq_path.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/text.h"
#include "hubcache/registry/load.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;
using rest::Row;

constexpr std::size_t kSecretBytes = 32;

rest::Resource guard(std::string name, std::string_view kind, const std::string& type,
                     std::vector<rest::Field> more) {
  std::vector<rest::Field> fields{
      rest::text("name").required().unique().filters(rest::kNameFilters),
      rest::text("description").nullable()};
  fields.insert(fields.end(), std::move_iterator(more.begin()), std::move_iterator(more.end()));
  auto model = lower_case("core." + name);
  return {.name = std::move(name),
          .kind = std::string(kind),
          .path = "contentguards/core/" + type + "/",
          .model = std::move(model),
          .type = "core." + type,
          .change = rest::Change::kNow,
          .remove = rest::Change::kNow,
          .fields = std::move(fields),
          .no_orders = {"header_name", "header_value", "jq_filter"},
          .has_options = false};
}

std::optional<std::string> usable_header_name(const std::string& name) {
  constexpr std::string_view kNoToken = "()<>@,;:\\\"/[]?={} ";
  const auto fits = [&](char c) {
    return c > ' ' && c < 0x7f && kNoToken.find(c) == std::string_view::npos;
  };
  if (std::ranges::all_of(name, fits)) return std::nullopt;
  return "No header can have this name.";
}

std::optional<std::string> usable_jq_filter(const std::string& filter) {
  if (access::JqPath::parse(filter)) return std::nullopt;
  return "Only paths to one value are understood, like .identity.user";
}

/// Who may download through an rbac guard, as they are shown.
Json users_of(const Row& row, const rest::Rendering& with) {
  Json users = Json::array();
  if (with.sql == nullptr) return users;
  const auto ids = row.doc.value("downloaders", std::vector<std::int64_t>());
  for (const auto& account : access::all_accounts(*with.sql)) {
    if (std::ranges::find(ids, account.id) == ids.end()) continue;
    users.push_back(Json{{"username", account.name},
                         {"pulp_href", with.root + "users/" + std::to_string(account.id) + "/"},
                         {"prn", "prn:auth.user:" + std::to_string(account.id)}});
  }
  return users;
}

rest::Resource rbac_guard() {
  auto groups = [](const Row&, const rest::Rendering&) { return Json::array(); };
  const Json members{{"type", "array"}, {"items", {{"type", "object"}}}};
  auto resource = guard(
      "RBACContentGuard", registry::kRbacGuardKind, "rbac",
      {rest::computed("users", users_of).shown_as(members),
       rest::computed("groups", groups).shown_as(members), rest::texts("downloaders").internal()});
  resource.prepare = [](Row& row, std::int64_t author) {
    row.doc["downloaders"] = Json::array({author});
  };
  return resource;
}

rest::Resource redirect_guard() {
  auto resource = guard("ContentRedirectContentGuard", registry::kRedirectGuardKind,
                        "content_redirect", {rest::text("secret").sealed().internal()});
  resource.prepare = [](Row& row, std::int64_t) {
    row.doc["secret"] = to_hex(random_bytes(kSecretBytes));
  };
  return resource;
}

}  // namespace

std::vector<rest::Resource> guards() {
  auto header = guard("HeaderContentGuard", registry::kHeaderGuardKind, "header",
                      {rest::text("header_name").required().check(usable_header_name),
                       rest::text("header_value").required().sealed(),
                       rest::text("jq_filter").nullable().check(usable_jq_filter)});
  auto composite = guard("CompositeContentGuard", registry::kCompositeGuardKind, "composite",
                         {rest::hrefs("guards", std::string(registry::kGuardKind))});
  rest::Resource all{
      .name = "ContentGuard",
      .kind = "contentguards",
      .path = "contentguards/",
      .model = "core.contentguard",
      .lists = std::string(registry::kGuardKind),
      .create = rest::Create::kNone,
      .change = rest::Change::kNone,
      .remove = rest::Change::kNone,
      .fields = {rest::text("name").filters(rest::kNameFilters), rest::text("description")},
      .has_options = false};
  return {rbac_guard(), std::move(header), redirect_guard(), std::move(composite), std::move(all)};
}

}  // namespace hubcache::pulp
