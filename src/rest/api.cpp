// Who may ask, and what goes with every answer.
#include "hubcache/rest/api.h"

#include <utility>

#include "hubcache/access/credentials.h"
#include "hubcache/http/status.h"
#include "hubcache/http/url.h"
#include "hubcache/rest/gate.h"
#include "hubcache/rest/parsing.h"

#include "api_impl.h"

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
  if (!reply.policy.empty()) response.headers.set("Content-Security-Policy", reply.policy);
  if (request.is_head()) {
    response.headers.set("Content-Length", std::to_string(reply.body.size()));
  } else {
    response.body = reply.body;
  }
  return response;
}

}  // namespace

Api::Impl::Impl(std::vector<Resource> described, std::vector<Action> verbs, std::vector<View> pages,
                Options with, Hooks hooking, db::Database& db, const db::SecretBox& secrets,
                access::Accounts& who, const Clock& clock, obs::Log& logging)
    : resources(std::move(described)),
      actions(std::move(verbs)),
      views(std::move(pages)),
      options(std::move(with)),
      hooks(std::move(hooking)),
      database(db),
      accounts(who),
      log(logging),
      stamps(clock),
      store(resources, secrets, stamps, options.root),
      rendering{.resources = resources,
                .root = options.root,
                .mask_secrets = options.mask_secrets,
                .store = &store},
      writes(store, rendering, hooks) {
  for (const auto& resource : resources) {
    add_lists(resource);
    add_changes(resource);
    add_labels(resource);
  }
  for (const auto& action : actions) {
    bodies.push_back({.name = action.operation,
                      .kind = {},
                      .path = action.path,
                      .model = {},
                      .fields = action.fields,
                      .checks = action.checks,
                      .ignores_unknown_fields = true});
    add_action(action);
  }
  for (const auto& view : views) add_view(view);
  add_document();
}

Task<Reply> Api::Impl::admit(const Route& route, Exchange& exchange, http::Response& extra,
                             access::Account& account) {
  const auto& request = exchange.request;
  if (is_foreign(request, exchange.base)) {
    co_return detail_reply(403, "Requests from pages of other sites are refused.");
  }
  for (const auto& [name, value] : http::parse_pairs(request.query())) {
    if (name == "format" && !value.empty() && value != "json")
      co_return detail_reply(404, "Not found.");
  }
  if (!accepts_json(request)) {
    co_return detail_reply(406, "Could not satisfy the request Accept header.");
  }
  if (route.anonymous) co_return Reply{};

  const auto credentials = access::read_credentials(request.headers);
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
  const auto login = co_await accounts.verify(credentials, request);
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
    exchange.parent = std::move(routed.parent);
    exchange.id = std::move(routed.id);
    if (request.method == "OPTIONS" && !route.has_options) {
      reply = detail_reply(403, "You do not have permission to perform this action.");
    } else if (request.method == "OPTIONS") {
      reply.body = to_text(
          Json{{"name", route.path},
               {"description", ""},
               {"renders", {"application/json"}},
               {"parses",
                {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}}});
    } else if (handler == nullptr) {
      reply = detail_reply(405, "Method \"" + request.method + "\" not allowed.");
    } else if (!routed.can_be) {
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

Api::Api(std::vector<Resource> resources, std::vector<Action> actions, std::vector<View> views,
         Options options, Hooks hooks, db::Database& database, const db::SecretBox& secrets,
         access::Accounts& accounts, const Clock& clock, obs::Log& log)
    : impl_(std::make_shared<Impl>(std::move(resources), std::move(actions), std::move(views),
                                   std::move(options), std::move(hooks), database, secrets,
                                   accounts, clock, log)) {}

Api::~Api() = default;

Task<http::Response> Api::handle(http::Request request) {
  Exchange exchange{.request = request,
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
