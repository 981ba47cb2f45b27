#include "hubcache/rest/validation.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "hubcache/rest/address.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"

namespace hubcache::rest {
namespace {

constexpr const char* kNoField = "non_field_errors";

/// What comes back with every object and may be sent back with it: accepted and ignored.
constexpr std::string_view kReadOnly[] = {"pulp_href", "prn", "pulp_created", "pulp_last_updated",
                                          "csrfmiddlewaretoken"};

Json default_of(const Field& field) {
  if (const auto* flag = std::get_if<bool>(&field.default_value)) return *flag;
  if (const auto* text = std::get_if<std::string>(&field.default_value)) return *text;
  if (field.type == Field::Type::kLabels) return Json::object();
  return field.type == Field::Type::kHrefs ? Json::array() : Json();
}

bool is_list(const Field& field) {
  return field.type == Field::Type::kHeaders || field.type == Field::Type::kTexts ||
         field.type == Field::Type::kHrefs || field.type == Field::Type::kUris;
}

/// One run of validate(): the pieces it passes from step to step.
class Validation {
 public:
  Validation(const Store& store, db::Connection& sql, const Resource& resource, const Input& input,
             Mode mode, const Row* row)
      : store_(store), sql_(sql), resource_(resource), input_(input), mode_(mode), row_(row) {}

  Validated run() {
    if (!input_.values.is_object()) {
      result_.errors = no_object_errors(input_.values);
      return std::move(result_);
    }
    for (const auto& field : resource_.fields) read_field(field);
    if (result_.errors.empty() && !resource_.ignores_unknown_fields) refuse_unknown();
    if (result_.errors.empty()) propose();
    return std::move(result_);
  }

 private:
  void complain(const std::string& field, Json error) { result_.errors[field] = std::move(error); }

  void read_field(const Field& field) {
    if (field.is_computed() || field.is_internal) return;
    const auto sent = input_.values.find(field.name);
    if (sent == input_.values.end()) return read_absent(field);
    if (is_mask(field, *sent)) return;  // of what is stored, which stays
    const Json* raw = &*sent;
    const Json null;
    if (input_.is_form && is_list(field) && input_.lists.contains(field.name)) {
      raw = &input_.lists.at(field.name);
    } else if (input_.is_form && field.type == Field::Type::kLabels && !raw->is_object()) {
      return read_absent(field);  // a map is given by its entries
    } else if (input_.is_form && is_empty_text(*raw)) {
      // An empty input of a form: nothing, where the field can be nothing (contract/pulp.md 3.5).
      if (field.is_nullable && !field.may_be_blank) {
        raw = &null;
      } else if (!field.is_required && !field.may_be_blank) {
        return read_absent(field);
      }
    }
    Json error;
    auto value = read(field, *raw, error);
    if (value) value = read_among_others(field, std::move(*value), error);
    if (value) {
      result_.given[field.name] = std::move(*value);
    } else {
      complain(field.name, std::move(error));
    }
  }

  /// What is shown in the place of the secret that is stored, sent back as it was read.
  bool is_mask(const Field& field, const Json& sent) const {
    if (!field.is_secret || row_ == nullptr || !is_set(sent)) return false;
    const auto stored = row_->doc.value(field.name, Json());
    return is_set(stored) && sent == masked(stored.get<std::string>());
  }

  void read_absent(const Field& field) {
    if (mode_ == Mode::kPatch) return;
    if (field.is_required) return complain(field.name, error_list("This field is required."));
    const bool has_default = !std::holds_alternative<std::monostate>(field.default_value);
    const bool stays = field.is_initial_only && mode_ == Mode::kReplace;
    if (input_.is_form && field.type == Field::Type::kBoolean) {
      result_.given[field.name] = false;
    } else if (has_default && !stays) {
      result_.given[field.name] = default_of(field);
    }
  }

  std::optional<Json> read(const Field& field, const Json& raw, Json& error) {
    if (field.type == Field::Type::kHrefs || field.type == Field::Type::kUris) {
      if (!raw.is_null()) return read_references(store_, sql_, field, raw, error);
    } else if (field.type != Field::Type::kHref) {
      return read_value(field, raw, error);
    }
    if (!is_set(raw)) {
      if (field.is_nullable) return Json();
      error = error_list("This field may not be null.");
      return std::nullopt;
    }
    return read_reference(store_, sql_, field, raw, error);
  }

  /// Rules that look at the other rows of the kind.
  std::optional<Json> read_among_others(const Field& field, Json value, Json& error) {
    if (!field.is_unique || !value.is_string()) return value;
    const std::string own_id = row_ == nullptr ? "" : row_->id;
    if (is_taken(field, value, own_id)) {
      error = error_list("This field must be unique.");
      return std::nullopt;
    }
    if (field.is_disjoint && overlaps(field, value.get<std::string>(), own_id, error)) {
      return std::nullopt;
    }
    return value;
  }

  /// Does another row of the family have this value?
  bool is_taken(const Field& field, const Json& value, const std::string& own_id) {
    const auto column = sql_value(resource_, field.name);
    if (!column) return false;
    const Condition same{.sql = "id <> ? AND " + *column + " = ?",
                         .values = Json::array({own_id, value})};
    return std::ranges::any_of(store_.resources(), [&](const Resource& other) {
      const bool may_have = is_of(other.kind, family_of(resource_.kind)) && other.lists.empty();
      return may_have && !other.rows && store_.page(sql_, other, same, "id", 1, 0).count > 0;
    });
  }

  bool overlaps(const Field& field, const std::string& value, const std::string& own_id,
                Json& error) {
    const auto own = value + "/";
    auto others =
        sql_.query("SELECT name, json_extract(doc, ?3) FROM resources WHERE kind = ?1 AND id <> ?2",
                   resource_.kind, own_id, "$." + field.name);
    while (others.step()) {
      const auto other = others.text(1) + "/";
      if (!own.starts_with(other) && !other.starts_with(own)) continue;
      error = Json::object();
      error[field.name] = "Overlaps with existing " + resource_.kind + " '" + others.text(0) + "'";
      return true;
    }
    return false;
  }

  void refuse_unknown() {
    for (const auto& [name, value] : input_.values.items()) {
      const auto* field = resource_.field(name);
      const bool known = (field != nullptr && !field->is_internal) ||
                         std::ranges::find(kReadOnly, name) != std::end(kReadOnly);
      if (known) continue;
      if (!input_.is_form || !value.is_object() || value.empty()) {
        complain(name, error_list("Unexpected field"));
        continue;
      }
      for (const auto& entry : value.items()) {  // it was sent as `name.entry`
        complain(name + "." + entry.key(), error_list("Unexpected field"));
      }
    }
  }

  void propose() {
    const Json before = row_ == nullptr ? Json() : row_->doc;
    result_.after = row_ == nullptr ? Json::object() : row_->doc;
    for (const auto& field : resource_.fields) {
      if (field.is_computed()) continue;
      auto& kept = result_.after[field.name];
      if (row_ == nullptr && kept.is_null()) kept = default_of(field);
      const auto given = result_.given.find(field.name);
      if (given == result_.given.end()) continue;
      const bool is_change = kept != *given || (field.is_change_itself && !given->is_null());
      result_.changes = result_.changes || is_change;
      kept = *given;
    }
    const Proposal proposal{.before = before,
                            .given = result_.given,
                            .after = result_.after,
                            .seen = mode_ == Mode::kPatch ? result_.after : result_.given};
    for (const auto& check : resource_.checks) {
      if (auto complaint = check(proposal); !complaint.empty()) {
        return complain(kNoField, error_list(std::move(complaint)));
      }
    }
  }

  const Store& store_;
  db::Connection& sql_;
  const Resource& resource_;
  const Input& input_;
  Mode mode_;
  const Row* row_;
  Validated result_;
};

}  // namespace

Json no_object_errors(const Json& body) {
  Json errors = Json::object();
  errors[kNoField] = error_list(body.is_null() ? "No data provided"
                                               : "Invalid data. Expected a dictionary, but got " +
                                                     type_name(body) + ".");
  return errors;
}

Validated validate(const Store& store, db::Connection& sql, const Resource& resource,
                   const Input& input, Mode mode, const Row* row) {
  return Validation(store, sql, resource, input, mode, row).run();
}

}  // namespace hubcache::rest
