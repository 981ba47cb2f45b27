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
constexpr const char* kNoContent = "No value supplied for content filter";
constexpr const char* kType = "hugging_face.hugging-face";
constexpr std::string_view kVersionNumberFilters[] = {"", "lt", "lte", "gt", "gte", "range"};

std::string versions_path(const Row& row, const rest::Rendering& with) {
  return with.root + kRepositories + row.id + "/versions/";
}

/// A repository takes the remotes it can sync from, which are none yet.
std::string cannot_sync_from(const Row& remote) {
  return "Type for Remote '" + remote.name + "' does not match Repository.";
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

Json href_schema() { return {{"type", "string"}, {"format", "uri-reference"}}; }

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

namespace {

bool nothing_matches(const Row&, std::string_view, const std::string&) { return false; }

/// What holds one content, of that kind or family (empty: whatever it is).
Filter holds_content(std::string name, std::string_view target, std::string empty_error) {
  return {.name = std::move(name),
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = nothing_matches,
          .uri = Filter::Uri::kObject,
          .target = std::string(target),
          .empty_error = std::move(empty_error)};
}

/// What holds all these contents.
Filter holds_contents() {
  return {.name = "content",
          .lookups = rest::kExactIn,
          .kind = Filter::Kind::kCustom,
          .matches = nothing_matches,
          .uri = Filter::Uri::kContents,
          .target = std::string(kContentKind),
          .empty_error = kNoContent};
}

/// What is of a repository; nothing is.
Filter repository_filter() {
  return {.name = "repository",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = nothing_matches,
          .uri = Filter::Uri::kObject,
          .target = std::string(kRepositoryKind),
          .empty_error = "No value supplied for repository filter"};
}

}  // namespace

rest::Filter serves_content_filter() {
  return holds_content("with_content", {}, "URI not valid: ");
}

rest::Filter version_filter(std::string name) {
  auto refuse = [](const std::string& value) -> std::string {
    const bool fits = value.find("/repositories/") != std::string::npos ||
                      value.starts_with("prn:core.repositoryversion:") ||
                      value.starts_with("prn:hugging_face.huggingfacerepository:");
    return fits ? std::string() : "URI " + value + " not found for repositoryversion.";
  };
  return {.name = std::move(name),
          .lookups = rest::kExact,
          .kind = Filter::Kind::kCustom,
          .matches = nothing_matches,
          .refuse = refuse,
          .uri = Filter::Uri::kObject,
          .empty_error = "No value supplied for repository version filter"};
}

rest::Filter checkpoint_filter() {
  // Nothing is one.
  auto matches = [](const Row&, std::string_view, const std::string& value) {
    return value == "false";
  };
  return {.name = "checkpoint",
          .lookups = rest::kExact,
          .kind = Filter::Kind::kFlag,
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
              rest::computed("versions_href", versions).shown_as(href_schema()),
              rest::labels("pulp_labels"),
              rest::computed("latest_version_href", latest).shown_as(href_schema()),
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
      .filters = {{.name = "remote",
                   .lookups = rest::kExact,
                   .kind = Filter::Kind::kHref,
                   .target = std::string(registry::kRemoteKind),
                   .takes_null = true},
                  holds_content("with_content", kContentKind, kNoContent),
                  holds_content("latest_with_content", kContentKind, kNoContent)},
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
              rest::computed("content_summary", empty_summary).shown_as({{"type", "object"}}),
              rest::computed("vuln_report", vulnerability_report).shown_as(href_schema()),
          },
      .filters = {holds_contents(),
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
              rest::href("repository_version", std::string(kVersionKind)).nullable(),
              rest::href("repository", std::string(kRepositoryKind)).nullable(),
          },
      .filters = {holds_contents(),
                  version_filter("repository_version"),
                  repository_filter(),
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
