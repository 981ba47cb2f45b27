#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "hubcache/db/connection.h"
#include "hubcache/rest/resource.h"
#include "hubcache/rest/store.h"

namespace hubcache::rest {

/// What a client sent, as it was parsed. A form has texts only, and HTML's ideas of absence
/// (contract/pulp.md 3.5).
struct Input {
  Json values = Json::object();
  bool is_form = false;
  Json lists = Json::object();  // of a form: by name all the values it gives
};

enum class Mode : std::uint8_t { kCreate, kReplace, kPatch };

struct Validated {
  Json given = Json::object();   // the values that were sent, in their kept form
  Json after = Json::object();   // the document as it would be
  Json errors = Json::object();  // by field; empty: all is well
  bool changes = false;          // `after` differs from the row
};

/// Checks an input against the description: each field, then fields nobody knows, then the
/// resource's cross-field checks; each step only if the one before found nothing. `row` is the
/// object to be changed, null for a create.
Validated validate(const Store& store, db::Connection& sql, const Resource& resource,
                   const Input& input, Mode mode, const Row* row);

/// One value in its kept form; nullopt, with `error` set, when it is refused.
std::optional<Json> read_value(const Field& field, const Json& raw, Json& error);
/// The id an href or PRN names; as above.
std::optional<Json> read_reference(const Store& store, db::Connection& sql, const Field& field,
                                   const Json& raw, Json& error);

/// The ids a list of them names; as above.
std::optional<Json> read_references(const Store& store, db::Connection& sql, const Field& field,
                                    const Json& raw, Json& error);

/// "dict", "list", "str": what the errors call a value's type.
std::string type_name(const Json& value);
/// What is wrong with a body that is no object.
Json no_object_errors(const Json& body);
/// Text as the errors want it: `["..."]`.
Json error_list(std::string text);
/// Complaints about a label (contract/pulp.md 1.6), or "".
std::string label_error(const std::string& key, const Json& value);

}  // namespace hubcache::rest
