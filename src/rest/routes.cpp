// From descriptions to routes.
#include <algorithm>
#include <memory>
#include <utility>

#include "hubcache/http/url.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

#include "api_impl.h"
#include "listing.h"

namespace hubcache::rest {

Author Api::Impl::author_of(const Exchange& exchange) const {
  return {.account = exchange.caller->id,
          .href = options.root + "users/" + std::to_string(exchange.caller->id) + "/",
          .correlation_id = exchange.correlation_id};
}

template <typename Change>
Task<Reply> Api::Impl::write(const Exchange& exchange, Change change) {
  auto written = co_await database.write_durable(std::move(change));
  if (written.publish) co_await written.publish();
  if (!written.audit.action.empty()) {
    log.info("audit", {{"action", written.audit.action},
                       {"object", written.audit.object},
                       {"fields", written.audit.fields},
                       {"account", exchange.caller->name},
                       {"address", exchange.request.peer.address},
                       {"request_id", exchange.request.id}});
  }
  co_return std::move(written.reply);
}

void Api::Impl::add_lists(const Resource& resource) {
  auto& route = router.at(resource.path);
  route.has_options = resource.has_options;
  route.handlers.emplace_back("GET",
                              [this, &resource](const Exchange& e) { return list(resource, e); });
  if (!resource.lists.empty()) return;
  router.at(detail_path(resource))
      .handlers.emplace_back("GET",
                             [this, &resource](const Exchange& e) { return read(resource, e); });
}

void Api::Impl::add_changes(const Resource& resource) {
  if (resource.create != Create::kNone) {
    router.at(resource.path).handlers.emplace_back("POST", [this, &resource](const Exchange& e) {
      return write(e,
                   [this, &resource, body = parse_body(e.request), author = author_of(e)](
                       db::Connection& sql) { return writes.create(sql, resource, body, author); });
    });
  }
  auto& object = router.at(detail_path(resource));
  if (resource.change != Change::kNone) {
    const auto update = [this, &resource](Mode mode) {
      return [this, &resource, mode](const Exchange& e) {
        return write(e, [this, &resource, mode, id = e.id, body = parse_body(e.request),
                         author = author_of(e)](db::Connection& sql) {
          return writes.update(sql, resource, id, mode, body, author);
        });
      };
    };
    object.handlers.emplace_back("PUT", update(Mode::kReplace));
    object.handlers.emplace_back("PATCH", update(Mode::kPatch));
  }
  if (resource.remove != Change::kNone) {
    object.handlers.emplace_back("DELETE", [this, &resource](const Exchange& e) {
      return write(e, [this, &resource, id = e.id, author = author_of(e)](db::Connection& sql) {
        return writes.remove(sql, resource, id, author);
      });
    });
  }
}

void Api::Impl::add_labels(const Resource& resource) {
  const bool has_labels = std::ranges::any_of(
      resource.fields, [](const Field& field) { return field.type == Field::Type::kLabels; });
  if (!has_labels || resource.change == Change::kNone) return;
  const auto action = [this, &resource](auto write_label) {
    return [this, &resource, write_label](const Exchange& e) {
      return write(
          e, [this, &resource, write_label, id = e.id, body = parse_body(e.request)](
                 db::Connection& sql) { return (writes.*write_label)(sql, resource, id, body); });
    };
  };
  const auto detail = detail_path(resource);
  router.at(detail + "set_label/").handlers.emplace_back("POST", action(&Writes::set_label));
  router.at(detail + "unset_label/").handlers.emplace_back("POST", action(&Writes::unset_label));
}

void Api::Impl::add_action(const Action& action) {
  router.at(action.path).handlers.emplace_back("POST", [this, &action](const Exchange& e) {
    return act(action, e);
  });
}

void Api::Impl::add_view(View view) {
  auto& route = router.at(view.path);
  route.anonymous = view.anonymous;
  for (const auto& method : view.methods) {
    route.handlers.emplace_back(
        method, [handle = view.handle](const Exchange& e) { return handle(call_of(e)); });
  }
}

Task<Reply> Api::Impl::list(const Resource& resource, const Exchange& exchange) {
  const auto pairs = http::parse_pairs(exchange.request.query());
  auto path = resource.path;
  if (!resource.parent.empty()) path.replace(path.find("{id}"), 4, exchange.id);
  auto load = [this, &resource, pairs, parent = exchange.id,
               url = exchange.base + options.root + path](db::Connection& sql) {
    const auto with = rendering.in(sql);
    const auto query = read_query(with, resource, pairs);
    if (!query.error.is_null()) return Reply{.status = 400, .body = to_text(query.error)};
    auto rows = store.all(sql, resource);
    if (!resource.parent.empty()) {
      if (!store.find(sql, resource.field(resource.parent)->target, parent)) {
        return detail_reply(404, "Not found.");
      }
      std::erase_if(rows, [&](const Row& row) { return row.doc.at(resource.parent) != parent; });
    }
    return Reply{.status = 200,
                 .body = to_text(list_page(with, resource, std::move(rows), query, pairs, url))};
  };
  co_return co_await database.read(std::move(load));
}

Task<Reply> Api::Impl::read(const Resource& resource, const Exchange& exchange) {
  const auto pairs = http::parse_pairs(exchange.request.query());
  auto load = [this, &resource, pairs, parent = exchange.parent,
               id = exchange.id](db::Connection& sql) {
    const auto with = rendering.in(sql);
    const auto query = read_query(with, resource, pairs);
    if (!query.error.is_null()) return Reply{.status = 400, .body = to_text(query.error)};
    const auto row = store.find_at(sql, resource, parent, id);
    if (!row) return no_such_object(resource);
    return Reply{.status = 200,
                 .body = to_text(rest::render(with, resource, *row, query.selection))};
  };
  co_return co_await database.read(std::move(load));
}

Task<Reply> Api::Impl::act(const Action& action, const Exchange& exchange) {
  const auto body = parse_body(exchange.request);
  if (body.status != 0) co_return detail_reply(body.status, body.detail);
  const auto& described = bodies[static_cast<std::size_t>(&action - actions.data())];
  auto check = [this, &described, input = body.input](db::Connection& sql) {
    return validate(store, sql, described, input, Mode::kCreate, nullptr);
  };
  auto checked = co_await database.read(std::move(check));
  if (!checked.errors.empty()) co_return Reply{.status = 400, .body = to_text(checked.errors)};
  auto values = std::make_shared<const Json>(std::move(checked.after));
  co_return co_await action.handle(call_of(exchange), std::move(values));
}

}  // namespace hubcache::rest
