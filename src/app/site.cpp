#include "hubcache/app/site.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/db/damage.h"
#include "hubcache/http/prompt.h"
#include "hubcache/http/public_name.h"
#include "hubcache/http/router.h"
#include "hubcache/http/status.h"

namespace hubcache::app {
namespace {

// Of clients the most impatient wait 10 s. One question to the Hub may take 7.5 s by itself.
constexpr std::chrono::milliseconds kAnswerTime{7'900};
constexpr std::array<std::string_view, 3> kAliases{"/metrics", "/healthz", "/readyz"};

bool is_page(std::string_view path) {
  return path == "/-" || path.starts_with("/-/") ||
         std::ranges::find(kAliases, path) != kAliases.end();
}

bool is_rest(std::string_view path) {
  return path.starts_with("/pulp/") && !path.starts_with("/pulp/content");
}

Task<http::Response> counted(obs::StatusCounts& counts, Task<http::Response> answer) {
  auto response = co_await std::move(answer);
  counts.add(response.status);
  co_return response;
}

bool is_known_host(const http::Request& request, const Config::Server& server) {
  return http::is_known_host(request, server.public_name, server.host_names);
}

/// Which host a worker was asked for last, so that it is not looked at each time.
class KnownHost {
 public:
  explicit KnownHost(const Config::Server& server) : server_(server) {}

  bool is_in(const http::Request& request) {
    const auto host = request.headers.get("Host").value_or("");
    if (!last_.empty() && host == last_) return true;
    if (!is_known_host(request, server_)) return false;
    // Of a proxy's requests any is known; that says nothing of others'.
    if (server_.public_name.trusted_proxies.empty()) last_ = host;
    return true;
  }

 private:
  const Config::Server& server_;
  std::string last_;
};

void require_known_host(const http::Request& request, const Config::Server& server) {
  if (is_known_host(request, server)) return;
  throw Error(Error::Kind::kMisdirected,
              "this server does not answer for that host name: it has to be an address, localhost, "
              "or the one of [server] external_url or host_names");
}

Task<http::Response> no_such_page() { co_return http::text_response(404, "404: Not Found"); }
Task<http::Response> healthz() { co_return web::Health::healthz(); }
Task<http::Response> readyz(const web::Health& health) { co_return health.readyz(); }

Task<http::Response> scrape(const Metrics& metrics, const http::Request& request) {
  if (request.method != "GET" && !request.is_head()) {
    throw Error(Error::Kind::kMethodNotAllowed, "metrics are read by GET");
  }
  const auto families = co_await metrics.look();
  auto response = http::text_response(200, families.exposition(), obs::kExpositionType);
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

Task<http::Response> scrape_logged_in(const SiteParts& parts, const http::Request& request) {
  if (!co_await access::account_of(parts.accounts, request)) {
    throw Error(Error::Kind::kUnauthorized,
                "metrics are for who logs in with an account of hubcache");
  }
  co_return co_await scrape(parts.metrics, request);
}

bool is_control(const http::Request& request) { return request.path() == kControlPath; }

http::Response page_error(const http::Request& request, const Error& error) {
  const int status = http::status_of(error.kind());
  auto response = is_control(request)
                      ? control_refusal(error)
                      : http::text_response(status, std::string(error.what()) + "\n");
  if (status == 401) response.headers.set("WWW-Authenticate", R"(Basic realm="hubcache")");
  if (status == 405) response.headers.set("Allow", is_control(request) ? "POST" : "GET, HEAD");
  const auto wait = error.hub().retry_after.count();
  if (wait > 0) response.headers.set("Retry-After", std::to_string(wait));
  return response;
}

/// Health, and what else has no place of its own below /-/.
void add_pages(http::Router& router, const SiteParts& parts, const http::Handler& metrics) {
  const auto page = [&counts = parts.counts](auto answer) {
    return [&counts, answer = std::move(answer)](const http::Request& request) {
      return counted(counts.pages, answer(request));
    };
  };
  router.prefix("/-/", page([](const http::Request&) { return no_such_page(); }));
  for (const std::string prefix : {"/-", ""}) {
    router.exact(prefix + "/healthz", page([](const http::Request&) { return healthz(); }));
    router.exact(prefix + "/readyz",
                 page([&health = parts.health](const http::Request&) { return readyz(health); }));
    router.exact(prefix + "/metrics", page(metrics));
  }
}

bool may_take_long(const http::Request& request) {
  return is_control(request) || content::GitRoute::asks_for_pack(request);
}

http::Site guarded(std::shared_ptr<const http::Router> router, http::ErrorRenderer on_error,
                   const Config::Server& server, bool by_known_names) {
  auto handle = [router = std::move(router), &server,
                 by_known_names](const http::Request& request) {
    if (by_known_names) require_known_host(request, server);
    return (*router)(request);
  };
  return {.handle =
              http::Prompt{
                  .handler = std::move(handle), .within = kAnswerTime, .except = may_take_long},
          .on_error = std::move(on_error),
          .longer_body = content::GitRoute::longest_body};
}

void note_error(const SiteParts& parts, const Error& error) {
  parts.counts.errors[static_cast<std::size_t>(error.kind())].add();
  parts.damage.heed(error);
}

}  // namespace

void DamageNotice::heed(const Error& error) {
  if (!db::is_damage(error) || given_.exchange(true)) return;
  log_.error("the database is damaged: stop the server and run `hubcache rebuild`",
             {{"context", error.context()}});
}

http::Site site_of(const SiteParts& parts, bool by_known_names) {
  const auto content = [&content = parts.content](const http::Request& request) {
    return content.handle(request);
  };
  auto router = std::make_shared<http::Router>(content);
  router->prefix("/pulp/content/", content);
  router->prefix("/pulp/",
                 [&api = parts.api, &counts = parts.counts](const http::Request& request) {
                   return counted(counts.rest, api.handle(request));
                 });
  add_pages(*router, parts,
            [parts](const http::Request& request) { return scrape_logged_in(parts, request); });
  router->exact(std::string(kControlPath), [parts](const http::Request& request) {
    return counted(parts.counts.pages,
                   control_by_url(parts.accounts, parts.server.public_name, parts.run, request));
  });
  auto render = [parts](const http::Request& request, const Error& error) {
    note_error(parts, error);
    if (!is_rest(request.path()) && !is_page(request.path())) {
      return parts.content.render(request, error);
    }
    const bool rest = is_rest(request.path());
    auto response = rest ? rest::Api::render(request, error) : page_error(request, error);
    (rest ? parts.counts.rest : parts.counts.pages).add(response.status);
    return response;
  };
  auto site = guarded(std::move(router), std::move(render), parts.server, by_known_names);
  site.at_once = [&content = parts.content, host = KnownHost(parts.server),
                  by_known_names](const http::Request& request) mutable {
    const bool is_misdirected = by_known_names && !host.is_in(request);
    return is_misdirected ? std::nullopt : content.at_once(request);
  };
  site.on_unreadable = [&content = parts.content](const http::FileSpan& span) {
    content.doubt(span);
  };
  return site;
}

http::Site metrics_site_of(const SiteParts& parts, bool by_known_names) {
  const auto nothing = [&counts = parts.counts](const http::Request&) {
    return counted(counts.pages, no_such_page());
  };
  auto router = std::make_shared<http::Router>(nothing);
  add_pages(*router, parts, [&metrics = parts.metrics](const http::Request& request) {
    return scrape(metrics, request);
  });
  auto render = [parts](const http::Request& request, const Error& error) {
    note_error(parts, error);
    auto response = page_error(request, error);
    parts.counts.pages.add(response.status);
    return response;
  };
  return guarded(std::move(router), std::move(render), parts.server, by_known_names);
}

}  // namespace hubcache::app
