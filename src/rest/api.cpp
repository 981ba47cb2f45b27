#include "hubcache/rest/api.h"

#include <algorithm>
#include <utility>

#include "hubcache/http/status.h"
#include "hubcache/http/url.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/store.h"

#include "gate.h"
#include "listing.h"
#include "router.h"
#include "writes.h"

namespace hubcache::rest {
namespace {

/// What goes with every answer, beside what its status needs.
void add_headers(http::Response& response, const std::string& correlation_id) {
  response.headers.set("Correlation-ID", correlation_id);
  response.headers.set("Access-Control-Expose-Headers", "Correlation-ID");
  response.headers.set("Vary", "Accept");
  response.headers.set("X-Frame-Options", "DENY");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "same-origin");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cache-Control", "no-store");
}

http::Response message_of(const http::Request& request, const Reply& reply) {
  http::Response response;
  response.status = reply.status;
  if (!reply.body.empty()) response.headers.set("Content-Type", reply.content_type);
  if (!reply.location.empty()) response.headers.set("Location", reply.location);
  if (request.is_head()) {
    response.headers.set("Content-Length", std::to_string(reply.body.size()));
  } else {
    response.body = reply.body;
  }
  return response;
}

std::string href_of(const access::Account* account, const std::string& root) {
  return account == nullptr ? "" : root + "users/" + std::to_string(account->id) + "/";
}

}  // namespace

struct Api::Impl {
  Impl(std::vector<Resource> described, std::vector<View> views, Options with, Hooks hooking,
       db::Database& db, const db::SecretBox& secrets, access::Accounts& who, const Clock& clock,
       obs::Log& logging)
      : resources(std::move(described)),
        options(std::move(with)),
        hooks(std::move(hooking)),
        database(db),
        accounts(who),
        log(logging),
        stamps(clock),
        store(resources, secrets, stamps, options.root),
        rendering{
            .resources = resources, .root = options.root, .mask_secrets = options.mask_secrets},
        writes(store, rendering, hooks) {
    for (const auto& resource : resources) add_routes(resource);
    for (auto& view : views) add_route(std::move(view));
  }

  void add_routes(const Resource& resource);
  void add_route(View view);
  Task<http::Response> handle(const http::Request& request, Exchange exchange);
  Task<Reply> admit(const Route& route, Exchange& exchange, http::Response& extra,
                    access::Account& account);
  Task<Reply> list(const Resource& resource, const Exchange& exchange);
  Task<Reply> read(const Resource& resource, const Exchange& exchange);

  /// Runs one of Writes' functions in a transaction, makes its change known and logs it.
  template <typename Change>
  Task<Reply> write(const Exchange& exchange, Change change);

  std::vector<Resource> resources;
  Options options;
  Hooks hooks;
  db::Database& database;
  access::Accounts& accounts;
  obs::Log& log;
  Stamps stamps;
  Store store;
  Rendering rendering;
  Writes writes;
  Router router;
};

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

void Api::Impl::add_routes(const Resource& resource) {
  auto& list_route = router.at(resource.path);
  list_route.handlers.emplace_back(
      "GET", [this, &resource](const Exchange& e) { return list(resource, e); });
  const auto author_of = [this](const Exchange& e) {
    return Author{.href = href_of(e.caller, options.root), .correlation_id = e.correlation_id};
  };
  if (resource.create != Create::kNone) {
    list_route.handlers.emplace_back("POST", [this, &resource, author_of](const Exchange& e) {
      return write(e,
                   [this, &resource, body = parse_body(e.request), author = author_of(e)](
                       db::Connection& sql) { return writes.create(sql, resource, body, author); });
    });
  }

  const auto detail = resource.path + "{id}/";
  auto& object = router.at(detail);
  object.handlers.emplace_back("GET",
                               [this, &resource](const Exchange& e) { return read(resource, e); });
  if (resource.change != Change::kNone) {
    const auto update = [this, &resource, author_of](Mode mode) {
      return [this, &resource, author_of, mode](const Exchange& e) {
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
    object.handlers.emplace_back("DELETE", [this, &resource, author_of](const Exchange& e) {
      return write(e, [this, &resource, id = e.id, author = author_of(e)](db::Connection& sql) {
        return writes.remove(sql, resource, id, author);
      });
    });
  }
  const bool has_labels = std::ranges::any_of(
      resource.fields, [](const Field& field) { return field.type == Field::Type::kLabels; });
  if (!has_labels || resource.change == Change::kNone) return;
  router.at(detail + "set_label/")
      .handlers.emplace_back("POST", [this, &resource](const Exchange& e) {
        return write(
            e, [this, &resource, id = e.id, body = parse_body(e.request)](db::Connection& sql) {
              return writes.set_label(sql, resource, id, body);
            });
      });
  router.at(detail + "unset_label/")
      .handlers.emplace_back("POST", [this, &resource](const Exchange& e) {
        return write(
            e, [this, &resource, id = e.id, body = parse_body(e.request)](db::Connection& sql) {
              return writes.unset_label(sql, resource, id, body);
            });
      });
}

void Api::Impl::add_route(View view) {
  auto& route = router.at(view.path);
  route.anonymous = view.anonymous;
  for (const auto& method : view.methods) {
    route.handlers.emplace_back(method, [handle = view.handle](const Exchange& e) {
      return handle(Call{.request = e.request,
                         .id = e.id,
                         .caller = e.caller,
                         .correlation_id = e.correlation_id,
                         .base = e.base});
    });
  }
}

Task<Reply> Api::Impl::list(const Resource& resource, const Exchange& exchange) {
  const auto pairs = http::parse_pairs(exchange.request.query());
  auto query = read_query(rendering, resource, pairs);
  if (!query.error.is_null()) co_return Reply{.status = 400, .body = to_text(query.error)};
  auto load = [this, &resource, pairs, query = std::move(query),
               url = exchange.base + options.root + resource.path](db::Connection& sql) {
    return to_text(list_page(rendering, resource, store.all(sql, resource), query, pairs, url));
  };
  auto body = co_await database.read(std::move(load));
  co_return Reply{.status = 200, .body = std::move(body)};
}

Task<Reply> Api::Impl::read(const Resource& resource, const Exchange& exchange) {
  const auto query = read_query(rendering, resource, http::parse_pairs(exchange.request.query()));
  if (!query.error.is_null()) co_return Reply{.status = 400, .body = to_text(query.error)};
  auto load = [this, &resource, id = exchange.id,
               selection = query.selection](db::Connection& sql) {
    const auto row = store.find(sql, resource, id);
    if (!row) return no_such_object(resource);
    return Reply{.status = 200,
                 .body = to_text(rest::render(rendering, resource, *row, selection))};
  };
  co_return co_await database.read(std::move(load));
}

/// Who may pass: status 200, or the refusal. Fills in the caller.
Task<Reply> Api::Impl::admit(const Route& route, Exchange& exchange, http::Response& extra,
                             access::Account& account) {
  const auto& request = exchange.request;
  if (is_foreign(request, exchange.base)) {
    co_return detail_reply(403, "Requests from pages of other sites are refused.");
  }
  for (const auto& [name, value] : http::parse_pairs(request.query())) {
    if (name == "format" && value != "json") co_return detail_reply(404, "Not found.");
  }
  if (!accepts_json(request)) {
    co_return detail_reply(406, "Could not satisfy the request Accept header.");
  }
  if (route.anonymous) co_return Reply{};

  const auto credentials = read_basic(request);
  const bool from_script = request.headers.get("X-Requested-With").value_or("") == "XMLHttpRequest";
  const auto challenge = [&](std::string detail) {
    extra.headers.set("WWW-Authenticate",
                      from_script ? "xBasic realm=\"api\"" : "Basic realm=\"api\"");
    return detail_reply(401, std::move(detail));
  };
  if (!credentials.given) {
    extra.headers.set("Vary", "Accept, Cookie");
    co_return challenge("Authentication credentials were not provided.");
  }
  if (!credentials.complaint.empty()) co_return challenge(credentials.complaint);
  const auto login = co_await accounts.verify(credentials.name, credentials.password,
                                              http::client_address(request, options.public_name));
  if (login.retry_after.count() > 0) {
    const auto seconds = std::to_string(login.retry_after.count());
    extra.headers.set("Retry-After", seconds);
    co_return detail_reply(429,
                           "Request was throttled. Expected available in " + seconds + " seconds.");
  }
  if (!login.account) co_return challenge("Invalid username/password.");
  if (login.account->role != access::Role::kAdmin) {
    co_return detail_reply(403, "You do not have permission to perform this action.");
  }
  account = *login.account;
  exchange.caller = &account;
  co_return Reply{};
}

Task<http::Response> Api::Impl::handle(const http::Request& request, Exchange exchange) {
  const auto path = request.path();
  const auto finish = [&](http::Response response) {
    add_headers(response, exchange.correlation_id);
    return response;
  };
  Routed routed;
  if (path.starts_with(options.root)) routed = router.find(path.substr(options.root.size()));
  if (routed.route == nullptr) {
    const auto slashed = std::string(path) + "/";
    const bool lacks_slash =
        slashed.starts_with(options.root) &&
        router.find(std::string_view(slashed).substr(options.root.size())).route != nullptr;
    if (!lacks_slash) co_return finish(message_of(request, detail_reply(404, "Not found.")));
    Reply moved{.status = 301, .location = slashed};
    if (!request.query().empty()) (moved.location += '?') += request.query();
    co_return finish(message_of(request, moved));
  }

  const auto& route = *routed.route;
  http::Response extra;
  access::Account account;
  auto reply = co_await admit(route, exchange, extra, account);
  if (reply.status == 200) {
    const auto* handler = route.handler(request.method);
    const auto id = canonical_uuid(routed.id);
    exchange.id = id.value_or("");
    if (request.method == "OPTIONS") {
      reply.body = to_text(
          Json{{"name", route.before},
               {"description", ""},
               {"renders", {"application/json"}},
               {"parses",
                {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}}});
    } else if (handler == nullptr) {
      reply = detail_reply(405, "Method \"" + request.method + "\" not allowed.");
    } else if (route.has_id && !id) {
      reply = detail_reply(404, "Not found.");
    } else {
      reply = co_await (*handler)(exchange);
    }
  }
  auto response = finish(message_of(request, reply));
  response.headers.set("Allow", route.allow());
  for (std::size_t i = 0; i < extra.headers.size(); ++i) {
    response.headers.set(extra.headers[i].first, extra.headers[i].second);
  }
  co_return response;
}

Api::Api(std::vector<Resource> resources, std::vector<View> views, Options options, Hooks hooks,
         db::Database& database, const db::SecretBox& secrets, access::Accounts& accounts,
         const Clock& clock, obs::Log& log)
    : impl_(std::make_shared<Impl>(std::move(resources), std::move(views), std::move(options),
                                   std::move(hooks), database, secrets, accounts, clock, log)) {}

Api::~Api() = default;

Task<http::Response> Api::handle(http::Request request) {
  Exchange exchange{.request = request,
                    .id = {},
                    .caller = nullptr,
                    .correlation_id = correlation_id_of(request),
                    .base = http::public_base(request, impl_->options.public_name)};
  co_return co_await impl_->handle(request, std::move(exchange));
}

http::Response Api::render(const http::Request& request, const Error& error) {
  const int status = http::status_of(error.kind());
  const bool is_ours = status >= 500 && error.kind() != Error::Kind::kUnavailable &&
                       error.kind() != Error::Kind::kNoSpace;
  auto response =
      message_of(request, detail_reply(status, is_ours ? "Internal server error." : error.what()));
  add_headers(response, correlation_id_of(request));
  return response;
}

}  // namespace hubcache::rest
