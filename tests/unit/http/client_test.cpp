#include "hubcache/http/client.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "scripted_server.h"
#include "server_fixture.h"

namespace hubcache::http {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kHangUp(1, ScriptedServer::kHangUp);
const std::string kStall(1, ScriptedServer::kStall);

std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string answer_of(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
         "\r\n" + body;
}

class ClientTest : public ServerTest {
 protected:
  ~ClientTest() override {
    // The client's connections belong to a loop: they go while it still runs.
    if (!started) return;
    auto drop = [this]() -> Task<int> {
      client.reset();
      co_return 0;
    };
    run(drop());
  }

  void start(Client::Options options = {}) {
    options.user_agent = "hubcache/test";
    client = std::make_unique<Client>(workers.executor(0), options, log);
    if (!server) workers.start();
    started = true;
  }

  static Origin at(std::uint16_t port) {
    return {.scheme = "http", .host = "127.0.0.1", .port = port, .allow_private = true};
  }
  Origin own() const {
    return at(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  }

  struct Got {
    int status = 0;
    Headers headers;
    std::optional<std::uint64_t> content_length;
    std::string body;
  };
  Task<Got> fetch(Origin origin, ClientRequest request, Timeouts timeouts, std::size_t limit) {
    auto response = co_await client->send(origin, std::move(request), timeouts);
    Got got{response.status, response.headers, response.content_length, {}};
    got.body = co_await response.read_all(limit);
    co_return got;
  }
  Got get(const Origin& origin, ClientRequest request = {}, Timeouts timeouts = {},
          std::size_t limit = 1 << 20) {
    return run(fetch(origin, std::move(request), timeouts, limit));
  }
  struct Failure {
    Error::Kind kind;
    std::string context;
  };
  // What fails is caught where it was thrown: ThreadSanitizer cannot see into the counter that
  // exceptions are shared by, and takes their way to another thread for a race.
  Task<Failure> fail(Origin origin, ClientRequest request, Timeouts timeouts, std::size_t limit) {
    try {
      co_await fetch(std::move(origin), std::move(request), timeouts, limit);
    } catch (const Error& error) {
      co_return Failure{error.kind(), error.context()};
    }
    co_return Failure{Error::Kind::kInternal, "nothing failed"};
  }
  Failure failure_of(const Origin& origin, ClientRequest request = {}, Timeouts timeouts = {},
                     std::size_t limit = 1 << 20) {
    return run(fail(origin, std::move(request), timeouts, limit));
  }

  std::unique_ptr<Client> client;
  bool started = false;
};

TEST_F(ClientTest, SendsAndReadsOverOneKeptConnection) {
  serve();
  start();
  for (int i = 0; i < 5; ++i) {
    const auto got = get(own(), {.method = "PUT", .target = "/x?y", .body = "text"});
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "PUT /x?y\ntext");
    EXPECT_EQ(got.content_length, 13U);
  }
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(ClientTest, AddsHostAgentAndConnection) {
  ScriptedServer upstream({answer_of("")});
  start();
  get(at(upstream.port()), {.target = "/a", .headers = {{"X-Y", "z"}, {"Host", "forged"}}});
  const auto request = upstream.requests().at(0);
  EXPECT_THAT(request, StartsWith("GET /a HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(request, HasSubstr("\r\nUser-Agent: hubcache/test\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Y: z\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("forged")));
}

TEST_F(ClientTest, ATargetCannotForgeARequest) {
  start();
  for (const char* target : {"/a b", "/a\r\nX: y", "a", ""}) {
    EXPECT_EQ(failure_of(at(1), {.target = target}).kind, Error::Kind::kBadRequest) << target;
  }
}

TEST_F(ClientTest, ReadsEveryKindOfBody) {
  ScriptedServer upstream({
      answer_of("by length"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nin \r\n6;x\r\nchunks\r\n0\r\nT: "
      "t\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n",
      "HTTP/1.1 200\r\n\r\nto the end" + kHangUp,
  });
  start();
  const auto origin = at(upstream.port());
  EXPECT_EQ(get(origin).body, "by length");
  const auto chunked = get(origin);
  EXPECT_EQ(chunked.body, "in chunks");
  EXPECT_EQ(chunked.content_length, std::nullopt);
  EXPECT_EQ(get(origin).status, 200);
  EXPECT_EQ(get(origin).status, 304);
  EXPECT_EQ(get(origin).status, 204);
  const auto head = get(origin, {.method = "HEAD"});
  EXPECT_EQ(head.content_length, 12345U);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(upstream.connections(), 1);
  EXPECT_EQ(get(origin).body, "to the end");
  EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(ClientTest, BodiesComeInPiecesOfAnySize) {
  std::string body;
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = "piece " + std::to_string(i) + ";";
    body += piece;
    std::array<char, 16> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
    chunked += size.data() + piece + "\r\n";
  }
  chunked += "0\r\n\r\n";
  ScriptedServer upstream({chunked, answer_of(body)});
  start();
  auto read_small = [this](Origin origin) -> Task<std::string> {
    ClientRequest request;
    auto response = co_await client->send(origin, std::move(request), {});
    std::string all;
    std::array<char, 7> bytes{};
    while (const auto n = co_await response.read(asio::buffer(bytes))) all.append(bytes.data(), n);
    co_return all;
  };
  EXPECT_TRUE(run(read_small(at(upstream.port()))) == body);
  EXPECT_TRUE(run(read_small(at(upstream.port()))) == body);
  EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(ClientTest, UnpacksGzipWithinTheLimit) {
  const std::string text(100'000, 'a');
  const auto packed = answer_of(gzipped(text), "Content-Encoding: gzip\r\n");
  const auto damaged = gzipped(text).substr(0, 50);
  ScriptedServer upstream({packed, packed, answer_of(damaged, "Content-Encoding: gzip\r\n"),
                           answer_of("x", "Content-Encoding: br\r\n"), answer_of(text)});
  start();
  const auto origin = at(upstream.port());
  EXPECT_TRUE(get(origin).body == text);
  EXPECT_EQ(failure_of(origin, {}, {}, 99'999).kind, Error::Kind::kUpstream);
  EXPECT_EQ(failure_of(origin).kind, Error::Kind::kUpstream);
  EXPECT_EQ(failure_of(origin).kind, Error::Kind::kUpstream);
  EXPECT_EQ(failure_of(origin, {}, {}, 99'999).kind, Error::Kind::kUpstream);
}

TEST_F(ClientTest, ACutBodyIsAnError) {
  ScriptedServer upstream({
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort" + kHangUp,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n" + kHangUp,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbad\n" + kHangUp,
  });
  start();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure_of(at(upstream.port())).kind, Error::Kind::kUpstream) << i;
  }
}

TEST_F(ClientTest, Security18AmbiguousAnswersAreRefused) {
  const std::vector<std::string> answers{
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" + kHangUp,
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
          kHangUp,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + kHangUp,
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kHangUp,
      "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n" + kHangUp,
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n" + kHangUp,
      "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n" + kHangUp,
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + kHangUp,
      "HTTP/2 200\r\n\r\n" + kHangUp,
      "HTTP/1.1 abc\r\n\r\n" + kHangUp,
      "HTTP/1.1 101 Switching\r\n\r\n" + kHangUp,
      "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'a') + "\r\n\r\n" + kHangUp,
      "nonsense\r\n\r\n" + kHangUp,
      kHangUp,
  };
  ScriptedServer upstream(answers);
  start();
  for (const auto& answer : answers) {
    EXPECT_EQ(failure_of(at(upstream.port())).kind, Error::Kind::kUpstream) << answer;
  }
}

TEST_F(ClientTest, AKeptConnectionThatDiedIsReplaced) {
  ScriptedServer upstream({answer_of("first") + kHangUp, answer_of("second")});
  start();
  EXPECT_EQ(get(at(upstream.port())).body, "first");
  EXPECT_EQ(get(at(upstream.port())).body, "second");
  EXPECT_EQ(upstream.connections(), 2);
}

TEST_F(ClientTest, AKeptConnectionThatDiesWithoutAnAnswerIsReplacedForReading) {
  ScriptedServer upstream({answer_of("first"), kHangUp, answer_of("second"), kHangUp});
  start();
  EXPECT_EQ(get(at(upstream.port())).body, "first");
  EXPECT_EQ(get(at(upstream.port())).body, "second");
  EXPECT_EQ(upstream.requests().size(), 3U);
  const auto failure = failure_of(at(upstream.port()), {.method = "POST", .body = "once"});
  EXPECT_EQ(failure.kind, Error::Kind::kUpstream);
  EXPECT_EQ(upstream.requests().size(), 4U);
}

TEST_F(ClientTest, TimeoutsAreToldFromFailures) {
  ScriptedServer upstream(
      {kStall, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" + kStall, kStall});
  start();
  const auto origin = at(upstream.port());
  EXPECT_EQ(failure_of(origin, {}, {.first_byte = 30ms}).kind, Error::Kind::kUpstreamTimeout);
  EXPECT_EQ(failure_of(origin, {}, {.between_bytes = 30ms}).kind, Error::Kind::kUpstreamTimeout);
  EXPECT_EQ(failure_of(origin, {}, {.total = 30ms}).kind, Error::Kind::kUpstreamTimeout);
}

TEST_F(ClientTest, ARefusedConnectionIsAnUpstreamError) {
  const auto unused = net::listen("127.0.0.1:0").address;
  start();
  const auto port = static_cast<std::uint16_t>(std::stoi(unused.substr(unused.rfind(':') + 1)));
  const auto failure = failure_of(at(port));
  EXPECT_EQ(failure.kind, Error::Kind::kUpstream);
  EXPECT_THAT(failure.context, HasSubstr("connect 127.0.0.1:"));
}

TEST_F(ClientTest, AnUnknownNameIsAnUpstreamError) {
  start();
  auto origin = at(80);
  origin.host = "no-such-host.invalid";
  const auto kind = failure_of(origin).kind;
  EXPECT_TRUE(kind == Error::Kind::kUpstream || kind == Error::Kind::kUpstreamTimeout);
}

TEST_F(ClientTest, Security17InsideAddressesAreNotConnectedWithoutPermission) {
  ScriptedServer upstream({answer_of("inside")});
  start();
  auto origin = at(upstream.port());
  origin.allow_private = false;
  EXPECT_THAT(failure_of(origin).context, HasSubstr("forbidden address"));
  origin.host = "localhost";  // the address counts, not the name
  EXPECT_THAT(failure_of(origin).context, HasSubstr("forbidden address"));
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(upstream.port());
  origin.host = "169.254.169.254";
  origin.allow_private = true;
  EXPECT_THAT(failure_of(origin).context, HasSubstr("forbidden address"));
  EXPECT_EQ(upstream.connections(), 0);
}

TEST_F(ClientTest, Security17AProxyIsAskedForNamesOfTheAllowListOnly) {
  ScriptedServer proxy({answer_of("proxied")});
  ScriptedServer another({answer_of("allowed")});
  start();
  Origin origin{.scheme = "http", .host = "inside.example", .port = 80};
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(proxy.port());
  for (const std::string host : {"inside.example", "hf.co.example", "evilhf.co", "localhost"}) {
    origin.host = host;
    EXPECT_THAT(failure_of(origin).context, HasSubstr("forbidden address")) << host;
  }
  EXPECT_EQ(proxy.connections(), 0);
  origin.host = "cdn-lfs-us-1.hf.co";
  EXPECT_EQ(get(origin).body, "proxied");
  origin.host = "inside.example";
  origin.allow_private = true;
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(another.port());
  EXPECT_EQ(get(origin).body, "allowed");
}

TEST_F(ClientTest, OriginsThatDifferInAnythingShareNoConnection) {
  serve();
  start();
  auto origin = own();
  get(origin);
  origin.allow_private = true;
  origin.ca_cert = "other";
  get(origin);
  EXPECT_EQ(server->connections(), 2U);
}

TEST_F(ClientTest, RequestsBeyondTheLimitWaitInLine) {
  serve();
  start({.connections_per_origin = 2});
  std::vector<std::future<Got>> all;
  for (int i = 0; i < 20; ++i) {
    ClientRequest request{.target = "/" + std::to_string(i)};
    all.push_back(asio::co_spawn(workers.executor(0), fetch(own(), std::move(request), {}, 1000),
                                 asio::use_future));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)].get().body, "GET /" + std::to_string(i) + "\n");
  }
  EXPECT_LE(server->connections(), 2U);
}

TEST_F(ClientTest, WaitingInLineEndsAtTheDeadline) {
  ScriptedServer upstream({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" + kStall});
  start({.connections_per_origin = 1});
  auto both = [this](Origin origin) -> Task<int> {
    ClientRequest first;
    auto held = co_await client->send(origin, std::move(first), {});
    ClientRequest second;
    int waited = 0;
    try {
      auto never = co_await client->send(origin, std::move(second), {.first_byte = 30ms});
    } catch (const Error& error) {
      waited = error.kind() == Error::Kind::kUpstreamTimeout ? 1 : -1;
    }
    co_return waited;
  };
  EXPECT_EQ(run(both(at(upstream.port()))), 1);
}

TEST_F(ClientTest, AnAbandonedBodyClosesItsConnectionAndFreesItsPlace) {
  const std::string big(1'000'000, 'x');
  ScriptedServer upstream({answer_of(big) + kHangUp, answer_of("next")});
  start({.connections_per_origin = 1});
  auto drop = [this](Origin origin) -> Task<int> {
    ClientRequest request;
    auto response = co_await client->send(origin, std::move(request), {});
    co_return response.status;
  };
  EXPECT_EQ(run(drop(at(upstream.port()))), 200);
  EXPECT_EQ(get(at(upstream.port())).body, "next");
}

TEST_F(ClientTest, PlainRequestsGoThroughAProxyInAbsoluteForm) {
  ScriptedServer proxy({answer_of("proxied")});
  start();
  Origin origin{.scheme = "http", .host = "hub.example", .port = 80, .allow_private = true};
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(proxy.port());
  origin.proxy_username = "Aladdin";
  origin.proxy_password = "open sesame";
  EXPECT_EQ(get(origin, {.target = "/a?b"}).body, "proxied");
  EXPECT_THAT(proxy.requests().at(0),
              AllOf(StartsWith("GET http://hub.example/a?b HTTP/1.1\r\nHost: hub.example\r\n"),
                    HasSubstr("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n")));
}

TEST_F(ClientTest, AProxyThatRefusesATunnelIsAnUpstreamError) {
  ScriptedServer proxy({"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"});
  start();
  Origin origin{.host = "hub.example", .allow_private = true};
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(proxy.port());
  const auto failure = failure_of(origin);
  EXPECT_EQ(failure.kind, Error::Kind::kUpstream);
  EXPECT_THAT(failure.context, HasSubstr("407"));
  EXPECT_THAT(proxy.requests().at(0),
              StartsWith("CONNECT hub.example:443 HTTP/1.1\r\nHost: hub.example:443\r\n"));
}

}  // namespace
}  // namespace hubcache::http
