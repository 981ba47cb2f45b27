// Repositories, their versions, publications. What is pulled through belongs to remotes, so a
// repository has one version, 0, and that is empty (contract/pulp.md 1.4).
#include <nlohmann/json.hpp>

#include "hubcache/registry/load.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Filter;
using rest::Json;
using rest::Row;

constexpr const char* kRepositories = "repositories/hugging_face/hugging-face/";
constexpr const char* kType = "hugging_face.hugging-face";
constexpr std::string_view kVersionNumberFilters[] = {"",    "lt",    "lte",   "gt",
                                                      "gte", "range", "isnull"};

std::string versions_path(const Row& row, const rest::Rendering& with) {
  return with.root + kRepositories + row.id + "/versions/";
}

/// A repository takes the remotes it can sync from, which are none yet.
std::string cannot_sync_from(const Row& remote) {
  return "Type for Remote '" + remote.name + "' does not match Repository.";
}

/// Of `remote`: an href, or "null" for repositories without one.
Filter remote_filter() {
  auto matches = [](const Row& row, std::string_view, const std::string& value) {
    const auto remote = row.doc.value("remote", Json());
    return value == "null" ? remote.is_null() : remote.is_string();
  };
  return {.name = "remote",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = matches,
          .uri = Filter::Uri::kRoutedOrNull,
          .uri_error = "URI couldn't be resolved: "};
}

/// The version 0 of a repository; its id follows from the repository's.
Row first_version(const db::Statement& columns) {
  const auto repository = columns.text(0);
  Row row{.id = rest::derived_uuid("version 0 of " + repository),
          .kind = {},
          .type = {},
          .name = {},
          .created = columns.integer(1),
          .updated = columns.integer(1)};
  row.doc = Json{{"repository", repository}, {"number", 0}};
  return row;
}

std::vector<Row> all_versions(db::Connection& sql) {
  std::vector<Row> rows;
  auto columns =
      sql.query("SELECT id, created FROM resources WHERE kind = ?1", std::string(kRepositoryKind));
  while (columns.step()) rows.push_back(first_version(columns));
  return rows;
}

std::optional<Row> find_version(db::Connection& sql, std::string_view id) {
  for (auto& row : all_versions(sql)) {
    if (row.id == id) return std::move(row);
  }
  return std::nullopt;
}

Json empty_summary(const Row&, const rest::Rendering&) {
  return Json{{"added", Json::object()}, {"removed", Json::object()}, {"present", Json::object()}};
}

Json vulnerability_report(const Row& row, const rest::Rendering& with) {
  return with.root + "vuln_report/?repo_versions=prn:core.repositoryversion:" + row.id;
}

rest::Resource list_of(std::string name, std::string path, std::string family,
                       std::vector<rest::Field> fields) {
  return {.name = std::move(name),
          .kind = "list of " + family,
          .path = std::move(path),
          .model = {},
          .lists = std::move(family),
          .create = rest::Create::kNone,
          .change = rest::Change::kNone,
          .remove = rest::Change::kNone,
          .fields = std::move(fields),
          .has_options = false};
}

std::vector<rest::Field> without(std::vector<rest::Field> fields,
                                 std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    std::erase_if(fields, [name](const rest::Field& field) { return field.name == name; });
  }
  return fields;
}

}  // namespace

rest::Filter content_filter(std::string name, std::string empty_error) {
  auto none = [](const Row&, std::string_view, const std::string&) { return false; };
  // Those of repositories and distributions take one, `content` takes a list too.
  const rest::Lookups lookups = name == "content" ? rest::Lookups(rest::kExactIn) : rest::kExact;
  return {.name = std::move(name),
          .lookups = lookups,
          .kind = Filter::Kind::kCustom,
          .matches = none,
          .uri = Filter::Uri::kEndsInId,
          .uri_error = "URI not valid: ",
          .empty_error = std::move(empty_error)};
}

namespace {

/// What is of a repository or version; nothing is.
Filter publication_filter(const char* name, rest::Lookups lookups) {
  auto none = [](const Row&, std::string_view, const std::string&) { return false; };
  return {.name = name,
          .lookups = lookups,
          .kind = Filter::Kind::kCustom,
          .matches = none,
          .uri = Filter::Uri::kRouted,
          .uri_error = "URI not valid: ",
          .empty_error = std::string("No value supplied for ") + name + " filter"};
}

}  // namespace

rest::Filter checkpoint_filter() {
  // Nothing is one.
  auto matches = [](const Row&, std::string_view, const std::string& value) {
    return value != "true" && value != "True" && value != "1";
  };
  return {.name = "checkpoint",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = matches};
}

rest::Resource repository() {
  auto versions = [](const Row& row, const rest::Rendering& with) {
    return Json(versions_path(row, with));
  };
  auto latest = [](const Row& row, const rest::Rendering& with) {
    return Json(versions_path(row, with) + "0/");
  };
  return {
      .name = "HuggingFaceRepository",
      .kind = std::string(kRepositoryKind),
      .path = kRepositories,
      .model = "hugging_face.huggingfacerepository",
      .type = kType,
      .fields =
          {
              rest::computed("versions_href", versions),
              rest::labels("pulp_labels"),
              rest::computed("latest_version_href", latest),
              rest::text("name").required().unique().filters(rest::kNameFilters),
              rest::text("description").nullable(),
              rest::integer("retain_repo_versions")
                  .nullable()
                  .at_least(1)
                  .filters(rest::kNumberFilters),
              rest::integer("retain_checkpoints")
                  .nullable()
                  .at_least(1)
                  .filters(rest::kNumberFilters),
              rest::href("remote", std::string(registry::kRemoteKind))
                  .nullable()
                  .refuses(cannot_sync_from),
          },
      .filters = {remote_filter(), content_filter("with_content"),
                  content_filter("latest_with_content")},
      .more_orders = {"next_version", "user_hidden"},
  };
}

rest::Resource repository_version() {
  return {
      .name = "RepositoryVersion",
      .kind = std::string(kVersionKind),
      .path = std::string(kRepositories) + "{id}/versions/",
      .model = "core.repositoryversion",
      .parent = "repository",
      .key = "number",
      .create = rest::Create::kNone,
      .change = rest::Change::kNone,
      .remove = rest::Change::kNone,
      .fields =
          {
              rest::href("repository", std::string(kRepositoryKind)),
              rest::integer("number").filters(kVersionNumberFilters),
              rest::nothing("base_version"),
              rest::computed("content_summary", empty_summary),
              rest::computed("vuln_report", vulnerability_report),
          },
      .filters = {content_filter("content"),
                  {.name = "pulp_created",
                   .lookups = rest::kTimeFilters,
                   .kind = Filter::Kind::kTime}},
      .rows = all_versions,
      .row = find_version,
  };
}

rest::Resource publication() {
  return {
      .name = "HuggingFacePublication",
      .kind = std::string(kPublicationKind),
      .path = "publications/hugging_face/hugging-face/",
      .model = "hugging_face.huggingfacepublication",
      .type = kType,
      .create = rest::Create::kNone,
      .change = rest::Change::kNone,
      .remove = rest::Change::kNow,
      .fields =
          {
              rest::href("repository_version", std::string(kVersionKind)),
              rest::href("repository", std::string(kRepositoryKind)),
          },
      .filters = {content_filter("content"),
                  publication_filter("repository_version", rest::kExact),
                  publication_filter("repository", rest::kExactIn),
                  checkpoint_filter(),
                  {.name = "pulp_created",
                   .lookups = rest::kTimeFilters,
                   .kind = Filter::Kind::kTime}},
      .more_orders = {"complete", "pass_through"},
      .rows = [](db::Connection&) { return std::vector<Row>(); },
      .row = [](db::Connection&, std::string_view) { return std::optional<Row>(); },
  };
}

std::vector<rest::Resource> lists_of_all_kinds(const Described& with) {
  auto remotes = list_of("Remote", "remotes/", std::string(registry::kRemoteKind),
                         without(remote(with).fields, {"hf_hub_url", "hf_token"}));
  remotes.filters = remote(with).filters;
  auto distributions =
      list_of("Distribution", "distributions/", std::string(registry::kDistributionKind),
              without(distribution(with).fields, {"remote", "publication"}));
  distributions.filters = distribution(with).filters;
  auto repositories =
      list_of("Repository", "repositories/", std::string(kRepositoryKind), repository().fields);
  repositories.filters = repository().filters;
  auto versions = list_of("RepositoryVersion", "repository_versions/", std::string(kVersionKind),
                          repository_version().fields);
  versions.filters = repository_version().filters;
  auto publications =
      list_of("Publication", "publications/", std::string(kPublicationKind), publication().fields);
  publications.filters = publication().filters;
  return {std::move(remotes), std::move(distributions), std::move(repositories),
          std::move(versions), std::move(publications)};
}

}  // namespace hubcache::pulp
