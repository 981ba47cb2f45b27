#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/rest/api.h"

namespace hubcache::rest {

/// What the OpenAPI document is made of: the same descriptions that the routes are made of.
struct Document {
  std::string root;  // "/pulp/api/v3/"
  std::string base;  // "http://host", for `servers`
  Json versions;     // of the components, by label
  std::span<const Resource> resources;
  std::span<const Action> actions;
  std::span<const View> views;
  /// Real paths with ids in place of hrefs as parameters: for readers that know no Pulp.
  bool with_ids = false;
  /// Operations are named by what they do alone ("list"), as Pulp's own bindings have them: one
  /// class per tag.
  bool short_names = false;
  /// Labels of the components whose paths are wanted; empty: all.
  std::set<std::string> components = {};
};

/// The document, OpenAPI 3.1, as Pulp's clients want it (contract/pulp.md 4.3 to 4.5).
Json openapi(const Document& document);

}  // namespace hubcache::rest
