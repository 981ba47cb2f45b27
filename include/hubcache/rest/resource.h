#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
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
/// client gave, and those that would be kept. `seen` is what Pulp's own checks look at: those that
/// would be kept of a PATCH, those given of all else.
struct Proposal {
  const Json& before;
  const Json& given;
  const Json& after;
  const Json& seen;
};
/// The text of a `non_field_errors` complaint, or "".
using CrossCheck = std::function<std::string(const Proposal&)>;

/// A query parameter that belongs to no field of the table.
struct Filter {
  enum class Kind : std::uint8_t {
    kText,    // compares the value of that name
    kTime,    // compares it as a time
    kNumber,  // compares it as a number
    kHref,    // compares the id of what is referred to by that name
    kFlag,    // asks `matches`, with "true" or "false"; what is neither is no filter
    kCustom,  // asks `matches`
  };
  std::string name;
  Lookups lookups;
  Kind kind = Kind::kText;
  std::function<bool(const Row& row, std::string_view lookup, const std::string& value)> matches =
      {};
  /// Why a value cannot be used, or "": answered as a bare list, `["..."]`.
  std::function<std::string(const std::string& value)> refuse = {};
  /// What a value of kCustom has to be: anything, the href of anything there is a route to, or the
  /// href or PRN of an object or of contents that are there.
  enum class Uri : std::uint8_t { kAny, kRouted, kObject, kContents };
  Uri uri = Uri::kAny;
  std::string target = {};       // kHref, kObject, kContents: the kind or family, empty: any
  bool takes_null = false;       // kHref
  std::string empty_error = {};  // of an empty value, as a bare list; empty: it is no filter then
};

/// One kind of object, described; the engine derives its routes and all they do.
struct Resource {
  std::string name;        // "HuggingFaceRemote": in error texts
  std::string kind;        // of its rows: "remote"; "contentguard.rbac" is of family "contentguard"
  std::string path;        // below the API's root: "remotes/hugging_face/hugging-face/"
  std::string model;       // in PRNs: "hugging_face.huggingfaceremote"
  std::string type = {};   // what Pulp calls pulp_type: "hugging_face.hugging-face"
  std::string lists = {};  // a list of all kinds of this family, read-only, without rows of its own
  std::string parent = {};  // the href field that the "{id}" in `path` stands for
  std::string key = {};  // the field that the last segment of an href is, a number; empty: the id
  std::string absent_as = {};  // what the 404 for one calls it, if not by its name
  Create create = Create::kNow;
  Change change = Change::kTask;
  Change remove = Change::kTask;
  std::vector<Field> fields = {};  // in the order of the response
  std::vector<CrossCheck> checks = {};
  std::vector<Filter> filters = {};           // beside those of the fields
  std::vector<std::string> no_orders = {};    // fields that lists are not ordered by...
  std::vector<std::string> more_orders = {};  // ...and names without a field that they are
  bool ignores_unknown_filters = false;
  bool ignores_unknown_fields = false;
  bool has_options = true;  // Pulp forbids some lists to be asked for their OPTIONS
  bool has_head = true;     // its list answers HEAD
  bool has_times = true;    // shows when it was made and changed
  std::vector<std::string> minimal_fields = {};  // what `minimal=true` leaves; empty: all

  /// Where rows come from when it is not the table `resources`; both or none.
  std::function<std::vector<Row>(db::Connection&)> rows = {};
  std::function<std::optional<Row>(db::Connection&, std::string_view id)> row = {};

  /// Inside the transaction, before a new row is kept: gives it what the client cannot.
  std::function<void(Row& row, std::int64_t account)> prepare = {};

  /// Keeps the labels in `row.doc` of a row that comes from elsewhere; without it such rows have
  /// none that clients could set.
  std::function<void(db::Connection&, const Row& row)> keep_labels = {};

  const Field* field(std::string_view field_name) const;
  /// The field with the labels, if clients set them one by one; else null.
  const Field* labels() const;
};

/// The path of its objects: "remotes/hugging_face/hugging-face/{id}/".
std::string detail_path(const Resource& resource);
/// The one with that kind; null when there is none.
const Resource* resource_of(std::span<const Resource> resources, std::string_view kind);

}  // namespace hubcache::rest
