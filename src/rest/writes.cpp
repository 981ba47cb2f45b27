#include "writes.h"

#include <utility>

#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

/// The one domain there is; clients only want its lock named.
constexpr const char* kSharedDomain = "shared:prn:core.domain:01900000-0000-7000-8000-000000000000";

Written answer(int status, const Json& body) {
  return {.reply = {.status = status, .body = to_text(body)}};
}
Written answer(Reply reply) { return {.reply = std::move(reply)}; }

std::optional<Written> refusal_of(const Parsed& body) {
  if (body.status == 0) return std::nullopt;
  return answer(detail_reply(body.status, body.detail));
}

/// The body of a label action: `key`, and `value` where it is wanted. Errors by field.
struct LabelInput {
  std::string key;
  Json value;
  Json errors = Json::object();
};

LabelInput read_label(const Parsed& body, bool with_value) {
  LabelInput label;
  const auto& values = body.input.values;
  if (!values.is_object()) {
    label.errors = no_object_errors(values);
    return label;
  }
  static const Field key_field = text("key");
  static const Field value_field = text("value").nullable().blank_allowed().untrimmed();
  const auto read = [&](const Field& field) -> Json {
    Json error;
    if (!values.contains(field.name)) {
      error = error_list("This field is required.");
    } else if (auto value = read_value(field, values.at(field.name), error)) {
      return std::move(*value);
    }
    label.errors[field.name] = std::move(error);
    return {};
  };
  if (const auto key = read(key_field); key.is_string()) label.key = key.get<std::string>();
  if (with_value) label.value = read(value_field);
  if (label.errors.empty() && with_value) {
    if (auto complaint = label_error(label.key, label.value); !complaint.empty()) {
      label.errors["non_field_errors"] = error_list(std::move(complaint));
    }
  }
  return label;
}

std::string names_of(const Json& given) {
  std::string names;
  for (const auto& [name, value] : given.items()) (names += names.empty() ? "" : ",") += name;
  return names;
}

}  // namespace

Reply detail_reply(int status, std::string detail) {
  return {.status = status, .body = to_text(Json{{"detail", std::move(detail)}})};
}

Reply no_such_object(const Resource& resource) {
  const auto& name = resource.absent_as.empty() ? resource.name : resource.absent_as;
  return detail_reply(404, "No " + name + " matches the given query.");
}

std::string Writes::record(db::Connection& sql, const Author& author, std::string name,
                           const Resource& resource, const Row& row, const Json& result,
                           bool created) const {
  FinishedTask task{.name = "pulpcore.app.tasks.base." + std::move(name),
                    .created_resources = {},
                    .created_prns = {},
                    .locks = {},
                    .result = result.is_null() ? "" : to_text(result),
                    .correlation_id = author.correlation_id,
                    .created_by = author.href};
  if (created) {
    task.created_resources.push_back(href(rendering_.root, resource, row));
    task.created_prns.push_back(prn(resource, row.id));
  } else {
    task.locks.push_back(prn(resource, row.id));
  }
  task.locks.emplace_back(kSharedDomain);
  return hooks_.record_task(sql, task);
}

Written Writes::create(db::Connection& sql, const Resource& resource, const Parsed& body,
                       const Author& author) const {
  if (auto refusal = refusal_of(body)) return std::move(*refusal);
  auto checked = validate(store_, sql, resource, body.input, Mode::kCreate, nullptr);
  if (!checked.errors.empty()) return answer(400, checked.errors);

  Row row;
  row.doc = std::move(checked.after);
  if (resource.prepare) resource.prepare(row, author.account);
  store_.insert(sql, resource, row);
  auto object = render(rendering_.in(sql), resource, row);
  auto written = answer(201, object);
  if (resource.create == Create::kTask) {
    object["task"] = record(sql, author, "general_create", resource, row, object, true);
    written = answer(202, object);
  } else {
    written.reply.location = href(rendering_.root, resource, row);
  }
  written.publish = hooks_.changed(sql);
  written.audit = {
      .action = "create", .object = prn(resource, row.id), .fields = names_of(checked.given)};
  return written;
}

Written Writes::update(db::Connection& sql, const Resource& resource, const std::string& id,
                       Mode mode, const Parsed& body, const Author& author) const {
  auto row = store_.find(sql, resource, id);
  if (!row) return answer(no_such_object(resource));
  if (auto refusal = refusal_of(body)) return std::move(*refusal);
  auto checked = validate(store_, sql, resource, body.input, mode, &*row);
  if (!checked.errors.empty()) return answer(400, checked.errors);
  if (!checked.changes) return answer(200, render(rendering_.in(sql), resource, *row));

  const Json before = std::exchange(row->doc, std::move(checked.after));
  store_.update(sql, resource, *row, before);
  auto object = render(rendering_.in(sql), resource, *row);
  auto written = answer(200, object);
  if (resource.change == Change::kTask) {
    object["task"] = record(sql, author, "ageneral_update", resource, *row, object, false);
    written = answer(202, object);
  }
  written.publish = hooks_.changed(sql);
  written.audit = {
      .action = "update", .object = prn(resource, row->id), .fields = names_of(checked.given)};
  return written;
}

Written Writes::remove(db::Connection& sql, const Resource& resource, const std::string& id,
                       const Author& author) const {
  const auto row = store_.find(sql, resource, id);
  if (!row) return answer(no_such_object(resource));
  store_.remove(sql, *row);
  Written written{.reply = {.status = 204, .body = {}}};
  if (resource.remove == Change::kTask) {
    const auto task = record(sql, author, "ageneral_delete", resource, *row, Json(), false);
    written = answer(202, Json{{"task", task}});
  }
  written.publish = hooks_.changed(sql);
  written.audit = {.action = "delete", .object = prn(resource, row->id)};
  return written;
}

Written Writes::act(db::Connection& sql, const Action& action, const Resource& described,
                    const std::string& id, const Parsed& body) const {
  std::optional<Row> target;
  if (!action.target.empty()) {
    const auto* resource = resource_of(store_.resources(), action.target);
    target = store_.find(sql, *resource, id);
    if (!target) return answer(no_such_object(*resource));
  }
  if (auto refusal = refusal_of(body)) return std::move(*refusal);
  auto checked = validate(store_, sql, described, body.input, Mode::kCreate, nullptr);
  if (!checked.errors.empty()) return answer(400, checked.errors);
  if (!action.change) {
    return {
        .reply = {},
        .values = std::make_shared<const Json>(std::move(checked.after)),
        .audit = {.action = action.operation,
                  .object = target ? prn(*resource_of(store_.resources(), target->kind), id) : "",
                  .fields = names_of(checked.given)}};
  }
  const Json before = target->doc;
  Written written{.reply = action.change(sql, *target, checked.after)};
  if (target->doc == before) return written;
  const auto* resource = resource_of(store_.resources(), target->kind);
  store_.rewrite(sql, *resource, *target);
  written.publish = hooks_.changed(sql);
  written.audit = {
      .action = action.operation, .object = prn(*resource, id), .fields = names_of(checked.given)};
  return written;
}

Publication Writes::keep_labels(db::Connection& sql, const Resource& resource,
                                const Row& row) const {
  if (resource.keep_labels) {
    resource.keep_labels(sql, row);
    return {};
  }
  store_.rewrite(sql, resource, row);
  return hooks_.changed(sql);
}

Written Writes::set_label(db::Connection& sql, const Resource& resource, const std::string& id,
                          const Parsed& body) const {
  auto row = store_.find(sql, resource, id);
  if (!row) return answer(no_such_object(resource));
  if (auto refusal = refusal_of(body)) return std::move(*refusal);
  const auto label = read_label(body, true);
  if (!label.errors.empty()) return answer(400, label.errors);
  row->doc[resource.labels()->name][label.key] = label.value;
  auto written = answer(201, Json{{"key", label.key}, {"value", label.value}});
  written.publish = keep_labels(sql, resource, *row);
  written.audit = {.action = "update", .object = prn(resource, row->id), .fields = "pulp_labels"};
  return written;
}

Written Writes::unset_label(db::Connection& sql, const Resource& resource, const std::string& id,
                            const Parsed& body) const {
  auto row = store_.find(sql, resource, id);
  if (!row) return answer(no_such_object(resource));
  if (auto refusal = refusal_of(body)) return std::move(*refusal);
  auto label = read_label(body, false);
  auto& labels = row->doc[resource.labels()->name];
  if (label.errors.empty() && !labels.contains(label.key)) {
    label.errors["key"] = error_list("Label '" + label.key + "' is not set on the object.");
  }
  if (!label.errors.empty()) return answer(400, label.errors);
  const Json value = labels.at(label.key);
  labels.erase(label.key);
  auto written = answer(201, Json{{"key", label.key}, {"value", value}});
  written.publish = keep_labels(sql, resource, *row);
  written.audit = {.action = "update", .object = prn(resource, row->id), .fields = "pulp_labels"};
  return written;
}

}  // namespace hubcache::rest
