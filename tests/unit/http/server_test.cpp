#include "hubcache/http/server.h"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "hubcache/http/prompt.h"

#include "server_fixture.h"

namespace hubcache::http {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

const std::string kGet = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

std::string put(std::string_view path, std::size_t length) {
  return "PUT " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST_F(ServerTest, AddsItsOwnHeaders) {
  handler = [](Request) -> Task<Response> {
    Response response = text_response(200, "hello");
    response.headers.set("Connection", "upgrade");
    response.headers.set("Date", "yesterday");
    response.headers.set("Content-Length", "99");
    response.headers.set("Transfer-Encoding", "chunked");
    co_return response;
  };
  serve();
  const auto answer = ask(kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nServer: hubcache\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Request-Id: "));
  EXPECT_THAT(answer, HasSubstr(" GMT\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(answer, Not(HasSubstr("upgrade")));
  EXPECT_THAT(answer, Not(HasSubstr("yesterday")));
  EXPECT_THAT(answer, Not(HasSubstr("Length: 99")));
  EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
}

TEST_F(ServerTest, WhatIsKnownAtOnceNeedsNoHandler) {
  handler = echo;
  at_once = [](const Request& request) -> std::optional<Response> {
    if (request.target != "/known") return std::nullopt;
    return text_response(200, "by heart");
  };
  serve();
  auto client = connect();
  client.send("GET /known HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\nby heart"));
  EXPECT_EQ(handled, 0);
  client.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_response(), Not(HasSubstr("by heart")));
  client.send("GET /known HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(client.read_response(), Not(HasSubstr("by heart")));
  EXPECT_EQ(handled, 2);
}

TEST_F(ServerTest, AHeaderThatWasMadeBeforeIsTheSame) {
  handler = [](Request request) -> Task<Response> {
    Response response = text_response(200, "hello");
    response.headers.set("ETag", "\"1\"");
    response.headers.set("Connection", "upgrade");
    if (request.is_head()) response.headers.set("Content-Length", "5");
    if (request.target == "/again") {
      response.made_before =
          std::make_shared<const std::string>(header_lines(response, request.is_head()));
      response.headers.clear();
    }
    co_return response;
  };
  serve();
  const auto without_id = [](std::string answer) {
    const auto id = answer.find("X-Request-Id");
    return answer.erase(id, answer.find("\r\n", id) - id);
  };
  for (const std::string method : {"GET", "HEAD"}) {
    const std::string rest = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(without_id(ask(method + " /again" + rest)), without_id(ask(method + " /x" + rest)));
  }
}

TEST_F(ServerTest, NothingOfARequestIsInTheNext) {
  handler = [](Request request) -> Task<Response> {
    const auto fields = std::to_string(request.headers.size());
    co_return text_response(200, request.method + request.target + request.body + fields);
  };
  at_once = [](const Request& request) -> std::optional<Response> {
    if (request.target != "/room") return std::nullopt;
    return text_response(200, request.body.capacity() < 100 ? "no room" : "room");
  };
  serve({}, 1);
  auto client = connect();
  client.send("POST /one HTTP/1.1\r\nHost: a\r\nX-Of: one\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(client.read_response(), EndsWith("POST/onebody3"));
  client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("GET/21"));
  // Nor the memory of its body, if that was refused halfway too.
  const std::string body(0x10000, 'x');
  for (const std::string& bodied :
       {"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + body + "no chunk\r\n",
        "Content-Length: 65536\r\n\r\n" + body}) {
    ask("POST /3 HTTP/1.1\r\nHost: a\r\n" + bodied);
    client.send("GET /room HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(client.read_response(), EndsWith("no room"));
  }
  EXPECT_THAT(ask("nonsense\r\n\r\n"), EndsWith(" at /"));
}

TEST_F(ServerTest, ManyRequestsUseOneConnection) {
  serve();
  auto client = connect();
  std::string first_id;
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    EXPECT_THAT(client.read_response(), EndsWith("GET /x\n"));
  }
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  serve();
  auto client = connect();
  client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
      "3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("GET /1\n"));
  EXPECT_THAT(client.read_response(), EndsWith("POST /2\nabc"));
  EXPECT_THAT(client.read_response(), EndsWith("GET /3\n"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.was_closed());
}

TEST_F(ServerTest, ARequestMayComeByteByByte) {
  serve();
  auto client = connect();
  for (const char c : kGet) client.send(std::string_view(&c, 1));
  EXPECT_THAT(client.read_response(), EndsWith("GET /x\n"));
}

TEST_F(ServerTest, HeadNeverHasABody) {
  serve();
  auto client = connect();
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + kGet);
  const auto head = client.read_head();
  EXPECT_THAT(head, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(client.read_response(), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("GET /x\n")));
}

TEST_F(ServerTest, HeadersOfAHeadSayWhatTheHandlerSaid) {
  handler = [](Request) -> Task<Response> {
    Response response;
    response.headers.set("Content-Length", "123456789012");
    co_return response;
  };
  serve();
  auto client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_head(), HasSubstr("\r\nContent-Length: 123456789012\r\n"));
}

TEST_F(ServerTest, NotModifiedHasNoBodyAndNoInventedLength) {
  handler = [](Request) -> Task<Response> {
    Response response = text_response(304, "body");
    co_return response;
  };
  serve();
  auto client = connect();
  client.send(kGet + kGet);
  EXPECT_THAT(client.read_head(), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(client.read_head(), StartsWith("HTTP/1.1 304"));
}

TEST_F(ServerTest, Http10ClosesUnlessAskedToKeep) {
  serve();
  auto closing = connect();
  closing.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(closing.read_to_end(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closing.was_closed());
  auto keeping = connect();
  keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(keeping.read_response(), HasSubstr("Connection: keep-alive\r\n"));
  keeping.send(kGet);
  EXPECT_THAT(keeping.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ContinuesWhenTheClientWaitsForIt) {
  serve();
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_THAT(client.read_response(), EndsWith("PUT /\nabc"));
}

TEST_F(ServerTest, RefusesABodyBeforeItIsSent) {
  serve({.max_body_bytes = 10});
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AClientThatSendsTooMuchStillReadsTheRefusal) {
  serve({.max_body_bytes = 10});
  auto fixed = connect();
  fixed.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
             std::string(1000000, 'x'));
  EXPECT_THAT(fixed.read_response(), StartsWith("HTTP/1.1 413 "));
  auto chunked = connect();
  chunked.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n");
  EXPECT_THAT(chunked.read_response(), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, SomeRequestsMayHaveALongerBody) {
  longer_body = [](const Request& request) {
    return request.path() == "/long" ? std::optional<std::size_t>(20) : std::nullopt;
  };
  serve({.max_body_bytes = 10});
  EXPECT_THAT(ask(put("/short", 11)), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(put("/long", 21)), StartsWith("HTTP/1.1 413 "));
  const std::string body = "0123456789abcdefghij";
  EXPECT_THAT(ask(put("/long", body.size()) + body), EndsWith("PUT /long\n" + body));
  auto chunked = connect();
  chunked.send("PUT /long HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" +
               body.substr(0, 11) + "\r\n0\r\n\r\n");
  EXPECT_THAT(chunked.read_response(), EndsWith("PUT /long\n" + body.substr(0, 11)));
}

TEST_F(ServerTest, RequestsThatTakeTooMuchRoomAreToldToComeAgain) {
  serve({.max_unanswered_bytes = 16 * 1024});
  const std::string fits(23 * 1024, 'x');
  const std::string long_one(25 * 1024, 'x');
  const std::string chunk = "6400\r\n" + long_one + "\r\n0\r\n\r\n";
  // Again and again: each gives back what it took.
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(ask(put("/", fits.size()) + fits), EndsWith("PUT /\n" + fits));
    EXPECT_THAT(ask(put("/", long_one.size()) + long_one), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(ask("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk),
                StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: a\r\nX: " + long_one), StartsWith("HTTP/1.1 503 "));
  }
}

TEST_F(ServerTest, RoomIsSharedByAllConnectionsUntilTheyAreAnsweredOrGone) {
  serve({.max_unanswered_bytes = 16 * 1024});
  const std::string body(20 * 1024, 'x');
  const auto request = put("/", body.size()) + body;
  const auto status = [&] { return ask(request).substr(0, 12); };
  auto client = connect();
  client.send(std::string_view(request).substr(0, request.size() - 1));
  while (status() != "HTTP/1.1 503") std::this_thread::yield();
  // What is short needs no room.
  auto in_two = connect();
  in_two.send("GET / HT");
  in_two.send("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(in_two.read_response(), EndsWith("GET /\n"));
  EXPECT_THAT(
      ask("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
      EndsWith("PUT /\nx"));
  client.send("x");
  EXPECT_THAT(client.read_response(), EndsWith("PUT /\n" + body));
  EXPECT_EQ(status(), "HTTP/1.1 200");
  {
    auto leaves = connect();
    leaves.send(std::string_view(request).substr(0, request.size() - 1));
    while (status() != "HTTP/1.1 503") std::this_thread::yield();
  }
  while (status() != "HTTP/1.1 200") std::this_thread::yield();
}

TEST_F(ServerTest, RefusesATargetThatIsTooLong) {
  serve();
  const std::string target(64 * 1024, 'a');
  EXPECT_THAT(ask("GET /" + target + " HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(ask("GET /" + target.substr(0, 17 * 1024) + " HTTP/1.1\r\nHost: a\r\n\r\n"),
              StartsWith("HTTP/1.1 414 "));
}

TEST_F(ServerTest, RefusesAHeaderThatIsTooLarge) {
  serve();
  const std::string field = "X: " + std::string(40 * 1024, 'a') + "\r\n";
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, ASlowHeaderIsToldSo) {
  serve({.header_timeout = 50ms});
  auto client = connect();
  client.send("GET / HT");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, ASlowBodyIsToldSo) {
  serve({.body_timeout = 50ms});
  auto client = connect();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  serve({.idle_timeout = 50ms});
  auto silent = connect();
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_TRUE(silent.was_closed());
  auto used = connect();
  used.send(kGet);
  used.read_response();
  EXPECT_EQ(used.read_to_end(), "");
  EXPECT_TRUE(used.was_closed());
}

TEST_F(ServerTest, AClientThatStopsReadingIsReset) {
  handler = [](Request) -> Task<Response> {
    co_return text_response(200, std::string(64 * 1024 * 1024, 'x'));
  };
  serve({.write_timeout = 100ms});
  auto client = connect(4096);
  client.send(kGet);
  client.read_head();
  while (server->connections() > 0) std::this_thread::yield();
  client.read_to_end();
  EXPECT_TRUE(client.was_reset());
}

TEST_F(ServerTest, TooManyConnectionsAreToldSo) {
  serve({.max_connections = 2});
  auto first = connect();
  auto second = connect();
  for (auto* client : {&first, &second}) {
    client->send(kGet);
    EXPECT_THAT(client->read_response(), StartsWith("HTTP/1.1 200"));
  }
  auto third = connect();
  EXPECT_THAT(third.read_response(), StartsWith("HTTP/1.1 503 "));
  first.send(kGet);
  EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AnErrorIsRenderedAndTheConnectionKept) {
  handler = [](Request request) -> Task<Response> {
    if (request.path() == "/bug") throw std::logic_error("secret detail");
    throw Error(Error::Kind::kNotFound, "no such file");
  };
  serve();
  auto client = connect();
  client.send("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_response(),
              AllOf(StartsWith("HTTP/1.1 404 "), EndsWith("no such file at /a?b")));
  client.send("GET /bug HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_response(), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("secret"))));
}

TEST_F(ServerTest, AClientThatLeavesCancelsItsHandler) {
  Waiting waiting;
  handler = wait_as(waiting);
  serve({.header_timeout = 50ms});
  auto client = connect();
  client.send(kGet);
  client.close();
  waiting.ended.get_future().get();
}

TEST_F(ServerTest, SoDoesOneThatLeavesBytesUnread) {
  Waiting waiting;
  handler = wait_as(waiting);
  serve({.header_timeout = 50ms});
  auto client = connect();
  client.send(kGet);
  waiting.begun.get_future().get();
  client.send("\r\n");
  client.close();
  waiting.ended.get_future().get();
}

class PromptServerTest : public ServerTest {
 protected:
  void serve_within(std::chrono::milliseconds within, Handler handle) {
    auto on_error = [](const Request& /*request*/, const Error& error) {
      return text_response(status_of(error.kind()), error.what());
    };
    const Site site{.handle = Prompt{.handler = std::move(handle), .within = within},
                    .on_error = on_error};
    std::vector<Site> sites{site, site};
    server.emplace(workers, std::move(sites), Limits{.header_timeout = 80ms}, clock, log);
    auto listener = net::listen("127.0.0.1:0");
    address = listener.address;
    workers.start();
    server->serve(std::move(listener));
  }
};

TEST_F(PromptServerTest, AnAnswerThatDoesNotComeInTimeIsATimeoutAndTheConnectionGoesOn) {
  serve_within(20ms, [](const Request& request) -> Task<Response> {
    return request.target == "/x" ? never(request) : echo(request);
  });
  auto client = connect();
  for (int i = 0; i < 2; ++i) {
    client.send(kGet);
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 504 "));
    client.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
  }
}

/// Has bytes at once, and more when many times the time for an answer has passed.
class SlowSource : public SpanSource {
 public:
  std::optional<std::uint64_t> size() const override { return 4; }
  Task<Span> next() override {
    if (!std::exchange(first_, false)) {
      asio::steady_timer timer(co_await asio::this_coro::executor, 400ms);
      co_await timer.async_wait(use_task);
    }
    co_return Span(std::as_bytes(std::span(std::string_view("ab"))));
  }

 private:
  bool first_ = true;
};

TEST_F(PromptServerTest, ABodyMayTakeLongerThanItsAnswer) {
  serve_within(20ms, [](const Request& /*request*/) -> Task<Response> {
    Response response;
    response.body = std::make_unique<SlowSource>();
    co_return response;
  });
  EXPECT_THAT(ask(kGet), EndsWith("\r\n\r\nabab"));
}

TEST_F(ServerTest, ConnectionsAreSpreadOverTheWorkers) {
  std::array<std::atomic<int>, 2> served{};
  handler = [&](Request request) -> Task<Response> {
    ++served[workers.current()];
    return echo(std::move(request));
  };
  serve();
  auto first = connect();
  auto second = connect();
  for (auto* client : {&first, &second}) {
    client->send(kGet);
    client->read_response();
  }
  EXPECT_EQ(served[0], 1);
  EXPECT_EQ(served[1], 1);
}

TEST_F(ServerTest, ServesUnixSockets) {
  serve();
  const std::string path = testing::TempDir() + "hubcache-server.sock";
  server->serve(net::listen("unix:" + path));
  handler = [](Request request) -> Task<Response> {
    co_return text_response(200, request.peer.address);
  };
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(::write(fd.get(), request.data(), request.size()), std::ssize(request));
  std::string answer;
  std::array<char, 1024> bytes{};
  for (ssize_t n = 0; (n = ::read(fd.get(), bytes.data(), bytes.size())) > 0;) {
    answer.append(bytes.data(), static_cast<std::size_t>(n));
  }
  EXPECT_THAT(answer, EndsWith("\r\n\r\nunix"));
}

TEST_F(ServerTest, ShutDownLetsRequestsEndAndClosesTheIdle) {
  std::promise<void> entered;
  auto gate = std::make_shared<asio::steady_timer>(workers.executor(1),
                                                   asio::steady_timer::time_point::max());
  handler = [&](Request request) -> Task<Response> {
    entered.set_value();
    boost::system::error_code opened;
    co_await gate->async_wait(asio::redirect_error(use_task, opened));
    co_return co_await echo(std::move(request));
  };
  serve();
  auto idle = connect();  // on worker 0
  while (server->connections() == 0) std::this_thread::yield();
  auto busy = connect();  // on worker 1
  busy.send(kGet);
  entered.get_future().get();
  auto done = asio::co_spawn(workers.executor(0), server->shut_down(20s), asio::use_future);
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.was_closed());
  asio::post(workers.executor(1), [gate] { gate->cancel(); });
  EXPECT_THAT(busy.read_response(), AllOf(HasSubstr("Connection: close"), EndsWith("GET /x\n")));
  done.get();
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_FALSE(connect().connected());
}

TEST_F(ServerTest, ShutDownResetsWhatOutlastsTheDeadline) {
  std::promise<void> entered;
  handler = [&](Request request) -> Task<Response> {
    entered.set_value();
    return never(std::move(request));
  };
  serve();
  auto busy = connect();
  busy.send(kGet);
  entered.get_future().get();
  run(server->shut_down(10ms));
  EXPECT_EQ(busy.read_to_end(), "");
  EXPECT_TRUE(busy.was_reset());
  EXPECT_EQ(server->connections(), 0U);
}

}  // namespace
}  // namespace hubcache::http
