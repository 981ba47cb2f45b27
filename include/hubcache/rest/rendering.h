#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/rest/resource.h"

namespace hubcache::rest {

/// Which fields a client wants (`fields=`, `exclude_fields=`); all by default.
struct Selection {
  std::optional<std::vector<std::string>> only;
  std::vector<std::string> without;
  bool has(std::string_view field) const;
};

struct Rendering {
  const std::vector<Resource>& resources;
  const std::string& root;
  bool mask_secrets = false;
};

/// The row as clients see it, fields in the order of the description.
Json render(const Rendering& rendering, const Resource& resource, const Row& row,
            const Selection& selection = {});

/// "hf_..." and the last four characters of a secret; less of a short one.
std::string masked(std::string_view secret);

}  // namespace hubcache::rest
