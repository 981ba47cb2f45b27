#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>

#include "hubcache/http/client.h"

#include "server_fixture.h"
#include "support/certificate.h"

namespace hubcache::http {
namespace {

using test::Certificate;
using test::certificate_for;
using testing::HasSubstr;
using Tcp = asio::ip::tcp;

/// Takes one TLS connection after another, perhaps after a CONNECT, and answers one request each
/// with the server name it was asked for.
class TlsServer {
 public:
  TlsServer(const Certificate& certificate, bool is_proxy, bool cuts = false, std::string more = {})
      : acceptor_(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        tls_(asio::ssl::context::tls_server),
        is_proxy_(is_proxy),
        cuts_(cuts),
        more_(std::move(more)) {
    tls_.use_certificate_chain(asio::buffer(certificate.pem));
    tls_.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
    thread_ = std::thread([this] { run(); });
  }
  ~TlsServer() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// Until the first answer has arrived; it has to fit into what a socket takes unasked.
  void wait_answered() { answered_.get_future().wait(); }

 private:
  void run() {
    while (true) {
      boost::system::error_code failure;
      Tcp::socket socket(context_);
      acceptor_.accept(socket, failure);
      if (failure) return;
      serve(std::move(socket));
    }
  }

  /// Has the other end not taken all that was sent?
  static bool is_on_its_way(int socket) {
    int bytes = 0;
    return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 && bytes > 0;
  }

  void serve(Tcp::socket socket) {
    boost::system::error_code failure;
    std::string input;
    if (is_proxy_) {
      asio::read_until(socket, asio::dynamic_buffer(input), "\r\n\r\n", failure);
      asio::write(socket, asio::buffer(std::string("HTTP/1.1 200 OK\r\n\r\n")), failure);
      input.clear();
    }
    asio::ssl::stream<Tcp::socket> stream(std::move(socket), tls_);
    stream.handshake(asio::ssl::stream_base::server, failure);
    if (failure) return;
    asio::read_until(stream, asio::dynamic_buffer(input), "\r\n\r\n", failure);
    if (failure) return;
    const char* const name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    std::string answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    answer += name == nullptr ? "no name" : name;
    answer += more_;
    asio::write(stream, asio::buffer(answer), failure);
    if (!std::exchange(has_answered_, true)) {
      while (is_on_its_way(stream.next_layer().native_handle())) std::this_thread::yield();
      answered_.set_value();
    }
    if (!cuts_) stream.shutdown(failure);
  }

  asio::io_context context_;
  Tcp::acceptor acceptor_;
  asio::ssl::context tls_;
  bool is_proxy_;
  bool cuts_;
  std::string more_;  // follows the name
  bool has_answered_ = false;
  std::promise<void> answered_;
  std::thread thread_;
};

class TlsTest : public ServerTest {
 protected:
  void SetUp() override {
    workers.start();
    client.emplace(workers.executor(0), Client::Options{.user_agent = "test"}, log);
  }
  void TearDown() override {
    workers.stop();
    workers.join();
    client.reset();
  }

  Task<std::string> fetch(Origin origin) {
    ClientRequest request;
    auto response = co_await client->send(origin, std::move(request), {});
    co_return co_await response.read_all(1000);
  }
  std::string get(const Origin& origin) { return run(fetch(origin)); }
  Task<std::string> fail(Origin origin) {
    try {
      co_return "no failure: " + co_await fetch(std::move(origin));
    } catch (const Error& error) {
      co_return std::string(name_of(error.kind())) + ": " + error.context();
    }
  }
  struct Got {
    std::string bytes;
    std::size_t largest = 0;  // that one read brought
    bool cut = false;
  };
  /// Begins when the whole answer is here.
  Task<Got> read_slowly(Origin origin, TlsServer& upstream) {
    auto response = co_await client->send(origin, {}, {});
    upstream.wait_answered();
    Got got;
    std::string bytes(100'000, '\0');
    try {
      while (const auto n = co_await response.read(asio::buffer(bytes))) {
        got.bytes += bytes.substr(0, n);
        got.largest = std::max(got.largest, n);
      }
    } catch (const Error&) {
      got.cut = true;
    }
    co_return got;
  }
  std::string context_of_failure(const Origin& origin) { return run(fail(origin)); }

  static Origin localhost(std::uint16_t port, std::string ca = "") {
    Origin origin{.host = "localhost", .port = port};
    origin.ca_cert = std::move(ca);
    origin.allow_private = true;
    return origin;
  }

  std::optional<Client> client;
};

TEST_F(TlsTest, TrustsTheGivenAuthorityForTheRightHost) {
  const auto certificate = certificate_for("DNS:localhost");
  TlsServer upstream(certificate, false);
  EXPECT_EQ(get(localhost(upstream.port(), certificate.pem)), "localhost");
}

TEST_F(TlsTest, RefusesAnAuthorityItDoesNotKnow) {
  TlsServer upstream(certificate_for("DNS:localhost"), false);
  EXPECT_THAT(context_of_failure(localhost(upstream.port())), HasSubstr("upstream: TLS self"));
}

TEST_F(TlsTest, RefusesACertificateOfAnotherHost) {
  const auto certificate = certificate_for("DNS:other.example");
  TlsServer upstream(certificate, false);
  EXPECT_THAT(context_of_failure(localhost(upstream.port(), certificate.pem)),
              HasSubstr("upstream: TLS hostname mismatch"));
}

TEST_F(TlsTest, AnAddressMustBeNamedAsAnAddress) {
  const auto certificate = certificate_for("IP:127.0.0.1");
  TlsServer upstream(certificate, false);
  auto origin = localhost(upstream.port(), certificate.pem);
  origin.host = "127.0.0.1";
  EXPECT_EQ(get(origin), "no name");
  origin.host = "localhost";
  EXPECT_THAT(context_of_failure(origin), HasSubstr("hostname mismatch"));
}

TEST_F(TlsTest, VerifiesNothingWhenToldSo) {
  TlsServer upstream(certificate_for("DNS:other.example"), false);
  auto origin = localhost(upstream.port());
  origin.verify_tls = false;
  EXPECT_EQ(get(origin), "localhost");
}

TEST_F(TlsTest, TunnelsThroughAProxy) {
  const auto certificate = certificate_for("DNS:hub.example");
  TlsServer proxy(certificate, true);
  Origin origin{.host = "hub.example"};
  origin.allow_private = true;  // the hub itself
  origin.ca_cert = certificate.pem;
  origin.proxy_url = "http://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(get(origin), "hub.example");
}

TEST_F(TlsTest, ACutConnectionIsNotTheEndOfABody) {
  const auto certificate = certificate_for("DNS:localhost");
  TlsServer upstream(certificate, false, true);
  EXPECT_THAT(context_of_failure(localhost(upstream.port(), certificate.pem)),
              HasSubstr("upstream: read from localhost"));
}

TEST_F(TlsTest, ManyRecordsAreReadAtOnceAndACutIsMetAfterThem) {
  const auto certificate = certificate_for("DNS:localhost");
  std::string more(60'000, ' ');  // less than a socket takes unasked
  for (std::size_t i = 0; i < more.size(); ++i) more[i] = static_cast<char>('a' + i * i % 23);
  TlsServer upstream(certificate, false, true, more);
  const auto got = run(read_slowly(localhost(upstream.port(), certificate.pem), upstream));
  EXPECT_EQ(got.bytes, "localhost" + more);
  EXPECT_GT(got.largest, std::size_t{20'000});  // a record has 16,384
  EXPECT_TRUE(got.cut);
}

TEST_F(TlsTest, CertificatesThatCannotBeReadAreAnUpstreamError) {
  const auto certificate = certificate_for("DNS:localhost");
  TlsServer upstream(certificate, false);
  auto origin = localhost(upstream.port(), certificate.pem);
  origin.client_cert = "nonsense";
  EXPECT_THAT(context_of_failure(origin), HasSubstr("upstream: TLS settings"));
}

}  // namespace
}  // namespace hubcache::http
