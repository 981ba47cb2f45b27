#include "listing.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "hubcache/base/text.h"
#include "hubcache/http/url.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

#include "filtering.h"

namespace hubcache::rest {
namespace {

/// Parameters that are no filters; those without a meaning here are tolerated as Pulp does.
constexpr std::string_view kNoFilters[] = {"ordering",       "limit",   "offset",    "fields",
                                           "exclude_fields", "minimal", "page_size", "format"};

/// A whole number, 0 or more; what is larger than any is the largest.
std::optional<std::size_t> count_of(const std::string& given) {
  const auto text = trimmed(given);
  std::size_t value = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ptr != end) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) return std::numeric_limits<std::size_t>::max();
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

/// No list is as long; Pulp fails at more.
constexpr std::size_t kMostAtOnce = std::numeric_limits<std::int64_t>::max();

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    if (end > 0) list.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

bool can_order_by(const Rendering& rendering, const Resource& resource, std::string_view name) {
  if (name == "pk") return true;
  if (name == "pulp_id" || name == "pulp_created" || name == "pulp_last_updated") {
    return resource.has_times;
  }
  if (name == "pulp_type") {
    return !resource.type.empty() ||
           (!resource.lists.empty() && !lists_what_lies_below(rendering.resources, resource));
  }
  if (std::ranges::find(resource.more_orders, name) != resource.more_orders.end()) return true;
  if (std::ranges::find(resource.no_orders, name) != resource.no_orders.end()) return false;
  const auto* field = resource.field(name);
  if (field == nullptr || field->is_internal || field->is_computed()) return false;
  return field->type != Field::Type::kHref && field->type != Field::Type::kHrefs;
}

Json complaint(const char* key, std::string text) {
  Json error = Json::object();
  error[key] = error_list(std::move(text));
  return error;
}

void read_ordering(const Rendering& rendering, const Resource& resource, std::string_view value,
                   ListQuery& query) {
  query.ordering.clear();
  std::vector<std::string> terms;
  while (!value.empty()) {
    const auto end = std::min(value.find(','), value.size());
    terms.emplace_back(value.substr(0, end));
    if (end + 1 == value.size()) terms.emplace_back();  // ends with a comma
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  std::set<std::string, std::less<>> names;
  for (auto& term : terms) {
    const auto name = std::string_view(term).substr(term.starts_with('-') ? 1 : 0);
    if (!can_order_by(rendering, resource, name)) {
      query.error = complaint(
          "ordering", "Select a valid choice. " + term + " is not one of the available choices.");
      return;
    }
    // The first of a name decides all that the others could.
    if (names.emplace(name).second) query.ordering.push_back(std::move(term));
  }
}

void read_selection(const Resource& resource, const http::Pairs& pairs, Selection& selection) {
  for (const auto& [name, value] : pairs) {
    auto list = words(value);
    if (name == "fields" && !list.empty()) {
      if (!selection.only) selection.only.emplace();
      selection.only->insert(selection.only->end(), list.begin(), list.end());
    } else if (name == "exclude_fields") {
      selection.without.insert(selection.without.end(), list.begin(), list.end());
    } else if (name == "minimal" && (value == "true" || value == "True" || value == "1") &&
               !resource.minimal_fields.empty() && !selection.only) {
      selection.only = resource.minimal_fields;
    }
  }
}

/// Less, equal or greater; null comes last, as PostgreSQL sorts.
int compare(const Json& a, const Json& b) {
  if (a.is_null() || b.is_null())
    return static_cast<int>(a.is_null()) - static_cast<int>(b.is_null());
  if (a < b) return -1;
  return b < a ? 1 : 0;
}

void sort(std::vector<Row>& rows, const std::vector<std::string>& ordering) {
  std::ranges::sort(rows, [&](const Row& a, const Row& b) {
    for (const auto& term : ordering) {
      const bool down = term.starts_with('-');
      const auto name = std::string_view(term).substr(down ? 1 : 0);
      const auto order = compare(filter_value(a, name), filter_value(b, name));
      if (order != 0) return down ? order > 0 : order < 0;
    }
    // Newest first wherever nothing else decides.
    return std::tie(a.created, a.id) > std::tie(b.created, b.id);
  });
}

std::string encoded(std::string_view text) {
  auto result = http::percent_encode(text, " ");
  std::ranges::replace(result, ' ', '+');
  return result;
}

/// The list's URL with other paging; keys are sorted, as Django's replace_query_param leaves them.
std::string link(const std::string& url, const http::Pairs& pairs, std::size_t limit,
                 std::size_t offset) {
  std::map<std::string, std::vector<std::string>> sorted;
  for (const auto& [name, value] : pairs) sorted[name].push_back(value);
  sorted["limit"] = {std::to_string(limit)};
  sorted.erase("offset");
  if (offset > 0) sorted["offset"] = {std::to_string(offset)};
  std::string result = url;
  char separator = '?';
  for (const auto& [name, values] : sorted) {
    for (const auto& value : values) {
      (result += separator) += encoded(name) + "=" + encoded(value);
      separator = '&';
    }
  }
  return result;
}

}  // namespace

ListQuery read_query(const Rendering& rendering, const Resource& resource,
                     const http::Pairs& pairs) {
  ListQuery query;
  Json unknown = Json::array();
  std::map<std::string, ReadFilter> filters;
  std::map<std::string_view, std::string_view> last;  // of a repeated one it counts
  for (const auto& [name, value] : pairs) last.insert_or_assign(name, value);
  for (const auto& [name, value] : pairs) {
    if (name == "limit") {
      const auto limit = count_of(value);
      query.limit = limit && *limit > 0 ? *limit : 100;
      if (query.limit > kMostAtOnce) query.error = complaint("limit", "That is too many.");
    } else if (name == "offset") {
      query.offset = count_of(value).value_or(0);
    } else if (name == "ordering") {
      read_ordering(rendering, resource, value, query);
    } else if (std::ranges::find(kNoFilters, name) == std::end(kNoFilters)) {
      auto [filter, is_new] = filters.try_emplace(name);
      if (is_new) {
        filter->second = read_filter(rendering, resource, name, std::string(last.at(name)));
      }
      if (!filter->second.known) unknown.push_back("Invalid Filter: '" + name + "'");
    }
  }
  read_selection(resource, pairs, query.selection);
  if (resource.ignores_unknown_filters) {
    query.error = Json();
    return query;
  }
  Json by_name = query.error.is_object() ? std::move(query.error) : Json::object();
  Json bare;  // what filters complain of when they are used, after all have been read
  for (auto& [name, read] : filters) {
    if (read.error.is_object()) by_name.update(read.error);
    if (read.error.is_array() && bare.is_null()) bare = std::move(read.error);
    if (!read.accepts) continue;
    query.accepts.push_back(std::move(read.accepts));
    query.where_is_all = query.where_is_all && read.sql.has_value();
    if (read.sql) query.where = both(std::move(query.where), *std::move(read.sql));
  }
  if (!unknown.empty()) by_name["errors"] = std::move(unknown);
  query.error = by_name.empty() ? std::move(bare) : std::move(by_name);
  return query;
}

std::optional<std::string> sql_order(const Resource& resource, const ListQuery& query) {
  std::string order;
  for (const auto& term : query.ordering) {
    const bool down = term.starts_with('-');
    const auto value = sql_value(resource, std::string_view(term).substr(down ? 1 : 0));
    if (!value) return std::nullopt;
    order += *value + (down ? " DESC" : " ASC");
    // As compare() has it. Columns are never null, and are found by their index without this.
    if (value->find('(') != std::string::npos) order += down ? " NULLS FIRST" : " NULLS LAST";
    order += ", ";
  }
  return order + "created DESC, id DESC";
}

bool accepts(const ListQuery& query, const Row& row) {
  return std::ranges::all_of(query.accepts, [&](const auto& accepts) { return accepts(row); });
}

Store::Page page_of(std::vector<Row> rows, const ListQuery& query) {
  std::erase_if(rows, [&](const Row& row) { return !accepts(query, row); });
  sort(rows, query.ordering);
  Store::Page page{.rows = {}, .count = rows.size()};
  const auto begin = std::min(query.offset, page.count);
  const auto end = query.limit < page.count - begin ? begin + query.limit : page.count;
  for (auto i = begin; i < end; ++i) page.rows.push_back(std::move(rows[i]));
  return page;
}

Json list_page(const Rendering& rendering, const Resource& resource, const Store::Page& page,
               const ListQuery& query, const http::Pairs& pairs, const std::string& url) {
  const auto end = std::min(query.offset, page.count) + page.rows.size();
  Json answer = Json::object();
  answer["count"] = page.count;
  answer["next"] = end < page.count ? Json(link(url, pairs, query.limit, end)) : Json();
  const auto previous = query.offset > query.limit ? query.offset - query.limit : 0;
  answer["previous"] = query.offset > 0 ? Json(link(url, pairs, query.limit, previous)) : Json();
  auto& results = answer["results"] = Json::array();
  for (const auto& row : page.rows) {
    results.push_back(render(rendering, resource, row, query.selection));
  }
  return answer;
}

}  // namespace hubcache::rest
