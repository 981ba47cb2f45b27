#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/rest/resource.h"
#include "hubcache/rest/store.h"

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
  const Store* store = nullptr;   // where references are looked up...
  db::Connection* sql = nullptr;  // ...in this transaction

  Rendering in(db::Connection& transaction) const {
    auto with = *this;
    with.sql = &transaction;
    return with;
  }
};

/// The href of the row of that kind or family; null when there is none.
Json href_of(const Rendering& rendering, const std::string& family, const Json& id);

/// The row as clients see it, fields in the order of the description.
Json render(const Rendering& rendering, const Resource& resource, const Row& row,
            const Selection& selection = {});

/// "hf_..." and the last four characters of a secret; less of a short one.
std::string masked(std::string_view secret);

}  // namespace hubcache::rest
