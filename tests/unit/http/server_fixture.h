#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "hubcache/base/clock.h"
#include "hubcache/base/workers.h"
#include "hubcache/http/server.h"
#include "hubcache/http/status.h"
#include "hubcache/net/listener.h"
#include "hubcache/obs/log.h"

#include "raw_client.h"

namespace hubcache::http {

/// A server on a port of its own that answers with `handler`, and counts what reached it.
class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override {
    workers.stop();
    workers.join();
  }

  void serve(Limits limits = {}, std::size_t sites = 2) {
    std::vector<Site> all;
    for (std::size_t i = 0; i < sites; ++i) {
      auto handle = [this](Request request) -> Task<Response> {
        ++handled;
        return handler(std::move(request));
      };
      auto on_error = [](const Request& request, const Error& error) {
        return text_response(status_of(error.kind()),
                             std::string(error.what()) + " at " + request.target);
      };
      all.push_back(
          {.handle = handle, .on_error = on_error, .at_once = at_once, .longer_body = longer_body});
    }
    server.emplace(workers, std::move(all), limits, clock, log);
    auto listener = net::listen("127.0.0.1:0");
    address = listener.address;
    workers.start();
    server->serve(std::move(listener));
  }

  RawClient connect(int receive_buffer = 0) { return RawClient(address, receive_buffer); }

  std::string ask(std::string_view request) {
    auto client = connect();
    client.send(request);
    return client.read_response();
  }

  template <typename T>
  T run(Task<T> task) {
    return asio::co_spawn(workers.executor(0), std::move(task), asio::use_future).get();
  }

  static Task<Response> echo(Request request) {
    std::string text = request.method + " " + request.target + "\n" + request.body;
    co_return text_response(200, std::move(text));
  }

  static Task<Response> never(Request /*request*/) {
    Timer timer(co_await asio::this_coro::executor, Timer::time_point::max());
    co_await timer.async_wait(use_task);
    co_return Response{};
  }

  /// A handler that answers never, for one request, and says when it begins and ends.
  struct Waiting {
    std::promise<void> begun;
    std::promise<void> ended;
  };
  static Handler wait_as(Waiting& waiting) {
    return [&waiting](Request request) -> Task<Response> {
      struct AtEnd {
        std::promise<void>& promise;
        ~AtEnd() { promise.set_value(); }
      } end{waiting.ended};
      waiting.begun.set_value();
      co_return co_await never(std::move(request));
    };
  }

  Workers workers{2};
  SystemClock clock;
  obs::Log log{{.level = obs::Level::kOff}};
  std::atomic<int> handled{0};
  Handler handler = echo;
  AtOnce at_once;
  BodyLimit longer_body;
  std::string address;
  std::optional<Server> server;
};

}  // namespace hubcache::http
