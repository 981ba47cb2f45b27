#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hubcache/rest/rendering.h"
#include "hubcache/rest/resource.h"

#include "filtering.h"

namespace hubcache::rest {

/// `pulp_id__in`, `pulp_href__in`, `prn__in`: an empty list is one that holds nothing.
ReadFilter read_identity(const std::string& name, const std::string& value);

/// What rows refer to: the id in the field `name`, of an object of the kind or family `target`.
struct Referred {
  std::string name;
  std::string target;
  bool may_be_null = false;             // "null", or nothing, finds those that refer to nothing
  std::optional<std::string> sql = {};  // that id in SQL
};
/// A filter by an object that rows refer to, or by all objects of a list. It need not be there.
ReadFilter read_href_filter(const Rendering& rendering, const Referred& referred,
                            std::string_view lookup, const std::string& value);

/// What is wrong with the value of a filter that has to name something that is there, as its `uri`
/// says; empty: nothing.
std::string uri_complaint(const Rendering& rendering, const Filter& filter, std::string_view lookup,
                          const std::string& value);

}  // namespace hubcache::rest
