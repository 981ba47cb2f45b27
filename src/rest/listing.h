#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/http/url.h"
#include "hubcache/rest/api.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"

namespace hubcache::rest {

/// The query of a list or a read, checked before any row is looked at.
struct ListQuery {
  std::vector<std::function<bool(const Row&)>> accepts;
  std::vector<std::string> ordering;  // "-name"
  std::size_t limit = 100;
  std::size_t offset = 0;
  Selection selection;
  Json error = {};  // not null: the body of a 400
};
ListQuery read_query(const Rendering& rendering, const Resource& resource,
                     const http::Pairs& pairs);

/// The page of `rows` the query asks for, as contract/pulp.md 3.1 draws it. `url` is the list's
/// absolute URL.
Json list_page(const Rendering& rendering, const Resource& resource, std::vector<Row> rows,
               const ListQuery& query, const http::Pairs& pairs, const std::string& url);

}  // namespace hubcache::rest
