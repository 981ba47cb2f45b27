// From descriptions to routes.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/base/uninterrupted.h"
#include "hubcache/http/url.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/openapi.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/validation.h"

#include "api_impl.h"
#include "docs_page.h"
#include "listing.h"

namespace hubcache::rest {
namespace {

constexpr const char* kDocumentMedia = "application/vnd.oai.openapi+json";

/// Which of the OpenAPI documents is asked for.
struct Wanted {
  bool with_ids = false;
  bool short_names = false;
  std::set<std::string> components = {};
  auto operator<=>(const Wanted&) const = default;
};

/// Texts made when they are first asked for: the documents of the API are half of a server's start.
/// All workers answer with the same: hence the mutex.
struct Texts {
  std::mutex mutex;
  std::map<Wanted, std::string> made;
};

/// The kind whose rows in the table are all that the resource lists; null where there are others.
const Resource* kind_in_table(const std::vector<Resource>& resources, const Resource& resource) {
  if (resource.rows || !resource.parent.empty()) return nullptr;
  if (resource.lists.empty()) return &resource;
  const Resource* only = nullptr;
  for (const auto& kind : resources) {
    if (!kind.lists.empty() || !is_of(kind.kind, resource.lists)) continue;
    if (only != nullptr || kind.rows) return nullptr;
    only = &kind;
  }
  return only;
}

Reply document_refusal(std::string detail) {
  auto refusal = detail_reply(400, std::move(detail));
  refusal.content_type = kDocumentMedia;
  return refusal;
}

/// The labels in "core,hugging_face"; none when one is unknown or named twice.
std::set<std::string> labels_in(std::string_view text, const Json& versions) {
  std::set<std::string> labels;
  for (;;) {
    const auto end = std::min(text.find(','), text.size());
    const std::string label(text.substr(0, end));
    if (!versions.contains(label) || !labels.insert(label).second) return {};
    if (end == text.size()) return labels;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Author Api::Impl::author_of(const Exchange& exchange) const {
  return {.account = exchange.caller->id,
          .href = options.root + "users/" + std::to_string(exchange.caller->id) + "/",
          .correlation_id = exchange.correlation_id};
}

/// What is stored is put in force and logged, also when nobody waits for the reply any more.
template <typename Change>
Task<Reply> Api::Impl::write(const Exchange& exchange, Change change) {
  co_return co_await uninterrupted(write_and_publish(exchange, std::move(change)));
}

template <typename Change>
Task<Reply> Api::Impl::write_and_publish(const Exchange& exchange, Change change) {
  auto written = co_await database.write_durable(std::move(change));
  if (written.publish) co_await written.publish();
  if (!written.audit.action.empty()) keep_account(exchange, written.audit);
  co_return std::move(written.reply);
}

void Api::Impl::keep_account(const Exchange& exchange, const Audit& audit) {
  log.info("audit", {{"action", audit.action},
                     {"object", audit.object},
                     {"fields", audit.fields},
                     {"account", exchange.caller->name},
                     {"address", http::client_address(exchange.request, options.public_name)},
                     {"request_id", exchange.request.id}});
}

void Api::Impl::add_lists(const Resource& resource) {
  auto& route = router.at(resource.path);
  route.has_head = resource.has_head;
  route.has_options = resource.has_options;
  route.handlers.emplace_back("GET",
                              [this, &resource](const Exchange& e) { return list(resource, e); });
  if (!resource.lists.empty()) return;
  auto& object = router.at(detail_path(resource));
  object.has_head = resource.has_head;
  object.has_options = resource.has_options;
  object.handlers.emplace_back("GET",
                               [this, &resource](const Exchange& e) { return read(resource, e); });
}

std::optional<Written> Api::Impl::refusal_by_query(db::Connection& sql, const Resource& resource,
                                                   const std::string& id,
                                                   const http::Pairs& pairs) const {
  if (pairs.empty()) return std::nullopt;
  const auto query = read_query(rendering.in(sql), resource, pairs);
  if (!query.error.is_null()) {
    return Written{.reply = {.status = 400, .body = to_text(query.error)}};
  }
  const auto row = store.find(sql, resource, id);
  if (!row || accepts(query, *row)) return std::nullopt;
  return Written{.reply = no_such_object(resource)};
}

template <typename Change>
Task<Reply> Api::Impl::write_object(const Resource& resource, const Exchange& exchange,
                                    Change change) {
  auto checked = [this, &resource, id = exchange.id,
                  pairs = http::parse_pairs(exchange.request.query()),
                  change = std::move(change)](db::Connection& sql) {
    auto refusal = refusal_by_query(sql, resource, id, pairs);
    return refusal ? std::move(*refusal) : change(sql, id);
  };
  co_return co_await write(exchange, std::move(checked));
}

void Api::Impl::add_changes(const Resource& resource) {
  if (resource.create != Create::kNone) {
    router.at(resource.path).handlers.emplace_back("POST", [this, &resource](const Exchange& e) {
      return write(e,
                   [this, &resource, body = parse_body(e.request), author = author_of(e)](
                       db::Connection& sql) { return writes.create(sql, resource, body, author); });
    });
  }
  if (!resource.lists.empty()) return;
  auto& object = router.at(detail_path(resource));
  if (resource.change != Change::kNone) {
    const auto update = [this, &resource](Mode mode) {
      return [this, &resource, mode](const Exchange& e) {
        return write_object(resource, e,
                            [this, &resource, mode, body = parse_body(e.request),
                             author = author_of(e)](db::Connection& sql, const std::string& id) {
                              return writes.update(sql, resource, id, mode, body, author);
                            });
      };
    };
    object.handlers.emplace_back("PUT", update(Mode::kReplace));
    object.handlers.emplace_back("PATCH", update(Mode::kPatch));
  }
  if (resource.remove != Change::kNone) {
    object.handlers.emplace_back("DELETE", [this, &resource](const Exchange& e) {
      return write_object(
          resource, e,
          [this, &resource, author = author_of(e)](db::Connection& sql, const std::string& id) {
            return writes.remove(sql, resource, id, author);
          });
    });
  }
}

void Api::Impl::add_labels(const Resource& resource) {
  if (resource.labels() == nullptr) return;
  const auto action = [this, &resource](auto write_label) {
    return [this, &resource, write_label](const Exchange& e) {
      return write_object(resource, e,
                          [this, &resource, write_label, body = parse_body(e.request)](
                              db::Connection& sql, const std::string& id) {
                            return (writes.*write_label)(sql, resource, id, body);
                          });
    };
  };
  const auto detail = detail_path(resource);
  router.at(detail + "set_label/").handlers.emplace_back("POST", action(&Writes::set_label));
  router.at(detail + "unset_label/").handlers.emplace_back("POST", action(&Writes::unset_label));
}

void Api::Impl::add_action(const Action& action) {
  auto& route = router.at(action.path);
  route.has_options = route.has_options && action.has_options;
  route.handlers.emplace_back("POST",
                              [this, &action](const Exchange& e) { return act(action, e); });
}

void Api::Impl::add_view(const View& view) {
  auto& route = router.at(view.path);
  route.anonymous = view.anonymous;
  route.has_options = route.has_options && view.has_options;
  for (const auto& method : view.methods) {
    if (method == "GET") {
      route.handlers.emplace_back(
          method, [handle = view.handle](const Exchange& e) { return handle(call_of(e)); });
      continue;
    }
    auto act = [this, handle = view.handle](const Exchange& e) -> Task<Reply> {
      auto reply = co_await handle(call_of(e));
      if (reply.status < 300) {
        keep_account(e, {.action = e.request.method, .object = std::string(e.request.path())});
      }
      co_return reply;
    };
    route.handlers.emplace_back(method, std::move(act));
  }
}

/// The OpenAPI document of all this. Its texts are made once; who serves is put in when it is sent.
void Api::Impl::add_document() {
  constexpr const char* kBase = "http://hubcache.invalid";
  Json versions = Json::object();
  for (const auto& [label, version] : options.versions) versions[label] = version;
  auto document = [this, versions](const Wanted& wanted) {
    return openapi({.root = options.root,
                    .base = kBase,
                    .versions = versions,
                    .resources = resources,
                    .actions = actions,
                    .views = views,
                    .with_ids = wanted.with_ids,
                    .short_names = wanted.short_names,
                    .components = wanted.components});
  };
  add_docs_page([document] { return document({.with_ids = true}); });
  auto& route = router.at("docs/api.json");
  route.anonymous = true;
  route.handlers.emplace_back(
      "GET",
      [versions, document, texts = std::make_shared<Texts>()](const Exchange& e) -> Task<Reply> {
        Wanted wanted;
        for (const auto& [name, value] : http::parse_pairs(e.request.query())) {
          if (name == "plugin") {
            co_return document_refusal("'plugin' has been removed. Use 'component' instead.");
          }
          if (name == "pk_path") wanted.with_ids = true;
          if (name == "bindings") wanted.short_names = true;
          if (name != "component") continue;
          wanted.components = labels_in(value, versions);
          if (wanted.components.empty()) {
            co_return document_refusal("Invalid component specified.");
          }
        }
        std::string body;
        {
          const std::lock_guard lock(texts->mutex);
          auto& text = texts->made[wanted];
          if (text.empty()) text = to_text(document(wanted));
          body = text;
        }
        const auto at = body.find(kBase);
        co_return Reply{.status = 200,
                        .body = body.replace(at, std::string_view(kBase).size(), e.base),
                        .location = {},
                        .content_type = kDocumentMedia};
      });
}

/// The same to be read by people.
void Api::Impl::add_docs_page(std::function<Json()> document) {
  struct LatePage {
    std::once_flag once;
    Reply reply;
  };
  auto& route = router.at("docs/");
  route.anonymous = true;
  route.handlers.emplace_back("GET", [document = std::move(document),
                                      page = std::make_shared<LatePage>()](const Exchange&) {
    std::call_once(page->once, [&] { page->reply = docs_page(document()); });
    return ready(page->reply);
  });
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
    const auto reply_with = [&](const Store::Page& page) {
      return Reply{.status = 200,
                   .body = to_text(list_page(with, resource, page, query, pairs, url))};
    };
    const auto* kind = kind_in_table(resources, resource);
    const bool by_sql = kind != nullptr && query.where_is_all;
    if (const auto order = by_sql ? sql_order(resource, query) : std::nullopt) {
      return reply_with(store.page(sql, *kind, query.where, *order, query.limit, query.offset));
    }
    auto rows = store.all(sql, resource, query.where);
    if (!resource.parent.empty()) {
      if (!store.find(sql, resource.field(resource.parent)->target, parent)) {
        return detail_reply(404, "Not found.");
      }
      std::erase_if(rows, [&](const Row& row) { return row.doc.at(resource.parent) != parent; });
    }
    return reply_with(page_of(std::move(rows), query));
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
    if (!row || !accepts(query, *row)) return no_such_object(resource);
    return Reply{.status = 200,
                 .body = to_text(rest::render(with, resource, *row, query.selection))};
  };
  co_return co_await database.read(std::move(load));
}

Task<Reply> Api::Impl::act(const Action& action, const Exchange& exchange) {
  auto run = [this, &action, body = parse_body(exchange.request),
              id = exchange.parent.empty() ? exchange.id : exchange.parent](db::Connection& sql) {
    const auto& described = bodies[static_cast<std::size_t>(&action - actions.data())];
    return writes.act(sql, action, described, id, body);
  };
  if (action.change) co_return co_await write(exchange, std::move(run));
  auto written = co_await database.read(std::move(run));
  if (written.values == nullptr) co_return std::move(written.reply);
  auto reply = co_await action.handle(call_of(exchange), std::move(written.values));
  if (reply.status < 300) keep_account(exchange, written.audit);
  co_return reply;
}

}  // namespace hubcache::rest
