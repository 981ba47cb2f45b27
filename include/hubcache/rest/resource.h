#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/db/database.h"
#include "hubcache/rest/field.h"

namespace hubcache::rest {

/// How a create answers: 201 with the object, or 202 with the object and a completed task.
enum class Create : std::uint8_t { kNone, kNow, kTask };
/// How a change or a delete answers: 200 and 204, or 202 with a completed task.
enum class Change : std::uint8_t { kNone, kNow, kTask };

/// A change as cross-field checks see it: the values before it (null for a create), those the
/// client gave, and those that would be kept.
struct Proposal {
  const Json& before;
  const Json& given;
  const Json& after;
};
/// The text of a `non_field_errors` complaint, or "".
using CrossCheck = std::function<std::string(const Proposal&)>;

/// A query parameter that belongs to no field of the table.
struct Filter {
  enum class Kind : std::uint8_t {
    kText,    // compares the value of that name
    kTime,    // compares it as a time
    kCustom,  // asks `matches`
  };
  std::string name;
  Lookups lookups;
  Kind kind = Kind::kText;
  std::function<bool(const Row& row, std::string_view lookup, const std::string& value)> matches =
      {};
  /// Why a value cannot be used, or "": answered as a bare list, `["..."]`.
  std::function<std::string(const std::string& value)> refuse = {};
};

/// One kind of object, described; the engine derives its routes and all they do.
struct Resource {
  std::string name;   // "HuggingFaceRemote": in error texts
  std::string kind;   // of its rows: "remote"
  std::string path;   // below the API's root: "remotes/hugging_face/hugging-face/"
  std::string model;  // in PRNs: "hugging_face.huggingfaceremote"
  Create create = Create::kNow;
  Change change = Change::kTask;
  Change remove = Change::kTask;
  std::vector<Field> fields = {};  // in the order of the response
  std::vector<CrossCheck> checks = {};
  std::vector<Filter> filters = {};  // beside those of the fields
  bool ignores_unknown_filters = false;

  std::vector<std::string> minimal_fields = {};  // what `minimal=true` leaves; empty: all

  /// Where rows come from when it is not the table `resources`; both or none.
  std::function<std::vector<Row>(db::Connection&)> rows = {};
  std::function<std::optional<Row>(db::Connection&, std::string_view id)> row = {};

  const Field* field(std::string_view field_name) const;
};

/// "prn:hugging_face.huggingfaceremote:<id>"
std::string prn(const Resource& resource, std::string_view id);
/// "<root>remotes/hugging_face/hugging-face/<id>/"
std::string href(std::string_view root, const Resource& resource, std::string_view id);
/// The one with that kind; null when there is none.
const Resource* resource_of(const std::vector<Resource>& resources, std::string_view kind);

}  // namespace hubcache::rest
