#include <nlohmann/json.hpp>

#include "hubcache/registry/load.h"
#include "hubcache/rest/row.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

constexpr std::string_view kPathFilters[] = {"", "contains", "icontains", "in"};
constexpr std::string_view kReferenceFilters[] = {"", "in"};

std::string one_source(const rest::Proposal& proposal) {
  static constexpr const char* kPairs[][2] = {{"publication", "repository_version"},
                                              {"repository", "repository_version"},
                                              {"repository", "publication"}};
  const auto is_set = [&](const char* field) {
    return rest::is_set(proposal.seen.value(field, rest::Json()));
  };
  for (const auto& [one, other] : kPairs) {
    if (!is_set(one) || !is_set(other)) continue;
    return std::string("Only one of the attributes '") + one + "' and '" + other +
           "' may be used simultaneously.";
  }
  return {};
}

}  // namespace

rest::Resource distribution(const Described& with) {
  auto base_url = [prefix = with.content_prefix](const rest::Row& row, const rest::Rendering&) {
    return rest::Json(prefix + row.doc.value("base_path", "") + "/");
  };
  return {
      .name = "HuggingFaceDistribution",
      .kind = std::string(registry::kDistributionKind),
      .path = "distributions/hugging_face/hugging-face/",
      .model = "hugging_face.huggingfacedistribution",
      .type = "hugging_face.hugging-face",
      .create = rest::Create::kTask,
      .fields =
          {
              rest::path("base_path").required().unique().disjoint().filters(kPathFilters),
              rest::computed("base_url", base_url).shown_as({{"type", "string"}}),
              rest::href("content_guard", std::string(registry::kGuardKind)).nullable(),
              rest::prn_of("content_guard_prn", "content_guard"),
              rest::nothing("no_content_change_since"),
              rest::boolean("hidden").fallback(false),
              rest::labels("pulp_labels"),
              rest::text("name").required().unique().filters(rest::kNameFilters),
              rest::href("repository", std::string(kRepositoryKind))
                  .nullable()
                  .filters(kReferenceFilters),
              rest::href("repository_version", std::string(kVersionKind)).nullable(),
              rest::href("publication", std::string(kPublicationKind)).nullable(),
              // Pulp answers with a task whenever a remote is given; scripts wait for it.
              rest::href("remote", std::string(registry::kRemoteKind)).nullable().always_changes(),
          },
      .checks = {one_source},
      .filters = {serves_content_filter(), checkpoint_filter()},
      .more_orders = {"checkpoint"},
  };
}

}  // namespace hubcache::pulp
