#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/http/url.h"
#include "hubcache/rest/api.h"
#include "hubcache/rest/condition.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/store.h"

namespace hubcache::rest {

/// The query of a list or a read, checked before any row is looked at.
struct ListQuery {
  std::vector<std::function<bool(const Row&)>> accepts;
  Condition where;                    // of rows in the table: what SQL can tell of those before...
  bool where_is_all = true;           // ...which may be all
  std::vector<std::string> ordering;  // "-name"
  std::size_t limit = 100;
  std::size_t offset = 0;
  Selection selection;
  Json error = {};  // not null: the body of a 400
};
ListQuery read_query(const Rendering& rendering, const Resource& resource,
                     const http::Pairs& pairs);

/// What follows ORDER BY for rows in the table; nullopt when only code can order them.
std::optional<std::string> sql_order(const Resource& resource, const ListQuery& query);

/// Is it one of those the query asks for?
bool accepts(const ListQuery& query, const Row& row);

/// Of all rows those the query asks for.
Store::Page page_of(std::vector<Row> rows, const ListQuery& query);

/// The answer with that page, as contract/pulp.md 3.1 draws it. `url` is the list's absolute URL.
Json list_page(const Rendering& rendering, const Resource& resource, const Store::Page& page,
               const ListQuery& query, const http::Pairs& pairs, const std::string& url);

}  // namespace hubcache::rest
