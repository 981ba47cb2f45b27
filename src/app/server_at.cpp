#include "hubcache/app/server_at.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/app/control.h"
#include "hubcache/base/error.h"
#include "hubcache/base/version.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/client.h"
#include "hubcache/http/url.h"
#include "hubcache/obs/log.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

// A file's download, or its hashing, may take hours before there is an answer.
constexpr http::Timeouts kPatience{.first_byte = std::chrono::hours(24 * 7)};
// The list of a large repository.
constexpr std::size_t kLongestAnswer = std::size_t{1} << 30;
constexpr std::size_t kMostAtOnce = 128;  // more than `fetch --jobs` may be
constexpr std::size_t kMostOfAComplaint = 200;

/// Why there is no answer, and what can be done.
Error unreached(const std::string& url, const Error& failure) {
  const std::string_view why = failure.context();
  std::string advice = "it ended in the middle: see its log";
  if (why.starts_with("TLS")) {
    advice =
        "an authority of your own is trusted by SSL_CERT_FILE, and a server without TLS is http://";
  }
  if (why.starts_with("connect") || why.starts_with("resolve")) {
    advice = "is it running, and listening there?";
  }
  return {Error::Kind::kUnavailable,
          "no answer from " + url + " (" + std::string(why) + "): " + advice};
}

/// What said this is something else, or a hubcache that knows no commands by URL.
Error stranger(const std::string& url, const http::ClientResponse& response,
               const std::string& body) {
  std::string what = "what answers at " + url + " is no hubcache that takes commands: it says " +
                     std::to_string(response.status);
  if (const auto place = response.headers.get("Location")) {
    what += ", and that it is at " + std::string(*place);
  } else if (response.headers.get("Content-Type").value_or("").starts_with("text/plain")) {
    what += ", " + body.substr(0, std::min(body.find('\n'), kMostOfAComplaint));
  }
  return {Error::Kind::kConflict, what};
}

}  // namespace

struct ServerAt::Asking {
  Asking(const http::Url& url, std::string login, http::Proxies proxies)
      : authorization(std::move(login)),
        origin{.scheme = url.scheme, .host = url.host, .port = url.port, .allow_private = true},
        target(url.path.substr(0, url.path.find_last_not_of('/') + 1) + std::string(kControlPath)),
        client(workers.executor(0),
               // Closed before a proxy on the way closes it: a POST is not sent twice.
               {.user_agent = "hubcache/" + std::string(version()),
                .connections_per_origin = kMostAtOnce,
                .idle_timeout = std::chrono::seconds(2),
                .proxies = std::move(proxies)},
               log) {}
  ~Asking() {
    workers.stop();
    workers.join();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  Task<Json> ask(std::string url, std::string command) {
    http::ClientRequest request{.method = "POST",
                                .target = target,
                                .headers = {{"Content-Type", "application/json"}},
                                .body = std::move(command)};
    if (!authorization.empty()) request.headers.add("Authorization", authorization);
    http::ClientResponse response;
    std::string body;
    try {
      response = co_await client.send(origin, std::move(request), kPatience);
      body = co_await response.read_all(kLongestAnswer);
    } catch (const Error& failure) {
      throw unreached(url, failure);
    }
    auto result = result_in(body);
    if (!result || response.status != 200) throw stranger(url, response, body);
    co_return *std::move(result);
  }

  const std::string authorization;
  const http::Origin origin;
  const std::string target;
  obs::Log log{{.level = obs::Level::kOff, .access_log = false}};
  Workers workers{1};
  std::once_flag started;
  http::Client client;
};

ServerAt::ServerAt(std::string url, std::string authorization, http::Proxies proxies)
    : url_(std::move(url)) {
  const auto parsed = http::Url::parse(url_);
  if (!parsed || !parsed->query.empty()) {
    // It may hold a password.
    throw Error(Error::Kind::kBadRequest,
                "the URL of the server is to be http(s)://host:port, without a login");
  }
  asking_ = std::make_unique<Asking>(*parsed, std::move(authorization), std::move(proxies));
}

ServerAt::~ServerAt() = default;

Json ServerAt::give(const Json& command, const std::stop_token& stop) {
  // Not before: a thread heeds the signals that its maker did.
  std::call_once(asking_->started, [this] { asking_->workers.start(); });
  return wait_for_command(asking_->workers.executor(0), asking_->ask(url_, command.dump()), stop);
}

}  // namespace hubcache::app
