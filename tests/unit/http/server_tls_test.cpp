#include "hubcache/net/server_tls.h"

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "server_fixture.h"
#include "support/certificate.h"
#include "support/clock.h"

namespace hubcache::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGetByTls = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::trunc) << text;
}

/// A blocking client that speaks TLS over a RawClient's socket.
class TlsClient {
 public:
  explicit TlsClient(const std::string& address, int most = TLS1_3_VERSION,
                     std::string_view protocols = {})
      : raw_(address), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), most);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(context_.get(), "DEFAULT:@SECLEVEL=0");
    ssl_ = {SSL_new(context_.get()), SSL_free};
    SSL_set_fd(ssl_.get(), raw_.fd());
    if (!protocols.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    }
    greeted_ = SSL_connect(ssl_.get()) == 1;
  }

  bool greeted() const { return greeted_; }
  std::string version() const { return SSL_get_version(ssl_.get()); }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  /// The common name in the server's certificate.
  std::string server() const {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()),
                                                            X509_free);
    std::array<char, 256> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(),
                              name.size());
    return name.data();
  }
  void send(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }
  /// All there is until the end, which may be none in order.
  std::string read_to_end() {
    std::string text;
    std::array<char, 16 * 1024> piece{};
    int n = 0;
    while ((n = SSL_read(ssl_.get(), piece.data(), piece.size())) > 0)
      text.append(piece.data(), static_cast<std::size_t>(n));
    orderly_ = SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
    return text;
  }
  bool orderly_end() const { return orderly_; }
  void close() {
    SSL_shutdown(ssl_.get());
    raw_.close();
  }

 private:
  RawClient raw_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, nullptr};
  bool greeted_ = false;
  bool orderly_ = false;
};

class ServerTlsTest : public ServerTest {
 protected:
  ServerTlsTest() {
    std::filesystem::create_directories(folder);
    show("first");
  }
  ~ServerTlsTest() override { std::filesystem::remove_all(folder); }

  /// Puts a certificate with that name where the server looks.
  void show(const std::string& name) {
    const auto made = test::certificate_for("DNS:localhost", name);
    write(certificate, made.pem);
    write(key, made.key);
  }
  void serve_tls(Limits limits = {}) {
    serve(limits);
    tls = std::make_shared<net::ServerTls>(certificate, key, tls_clock, log);
    auto listener = net::listen("127.0.0.1:0");
    tls_address = listener.address;
    server->serve(std::move(listener), tls);
  }
  std::string ask_tls(std::string_view request) {
    TlsClient client(tls_address);
    client.send(request);
    return client.read_to_end();
  }
  std::string why_not() {
    try {
      const net::ServerTls bad(certificate, key, clock, log);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kBadRequest);
      return error.what();
    }
    return "no error";
  }

  const std::filesystem::path folder =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::filesystem::path certificate = folder / "cert.pem";
  const std::filesystem::path key = folder / "key.pem";
  test::FakeClock tls_clock;
  std::shared_ptr<net::ServerTls> tls;
  std::string tls_address;
};

TEST_F(ServerTlsTest, ManyRequestsUseOneConnectionAndItEndsInOrder) {
  handler = [](Request request) -> Task<Response> {
    co_return text_response(200, request.peer.tls ? "in TLS" : "in plain text");
  };
  serve_tls();
  TlsClient client(tls_address);
  EXPECT_EQ(client.version(), "TLSv1.3");
  client.send(kGetByTls);
  client.send("GET /y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const auto answers = client.read_to_end();
  EXPECT_TRUE(client.orderly_end());
  EXPECT_NE(answers.find("in TLS"), answers.rfind("in TLS"));
  EXPECT_THAT(ask(kGetByTls), HasSubstr("in plain text"));
}

TEST_F(ServerTlsTest, AFileArrivesWhole) {
  std::string bytes(5'000'001, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 2'654'435'761U >> 13U);
  write(folder / "file", bytes);
  const auto file = std::make_shared<const Fd>(::open((folder / "file").c_str(), O_RDONLY));
  handler = [&](const Request& /*request*/) -> Task<Response> {
    Response response;
    response.body = FileSpan{.file = file, .offset = 1, .length = bytes.size() - 1};
    co_return response;
  };
  serve_tls();
  const auto answer = ask_tls("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), bytes.substr(1));
}

// With its header one is less than a record of TLS, the other more.
TEST_F(ServerTlsTest, SmallFilesArriveWholeWhereTheClientReadsLate) {
  constexpr std::size_t kTimes = 400;  // more than the sockets hold
  const std::string bytes(std::size_t{16} * 1024, 'x');
  write(folder / "file", bytes);
  const auto file = std::make_shared<const Fd>(::open((folder / "file").c_str(), O_RDONLY));
  handler = [&](Request request) -> Task<Response> {
    Response response;
    response.body =
        FileSpan{.file = file, .offset = 0, .length = std::stoull(request.target.substr(1))};
    co_return response;
  };
  serve_tls();
  for (const std::size_t size : {15'000U, 16U * 1024}) {
    const auto request = "GET /" + std::to_string(size) + " HTTP/1.";
    std::string requests;
    for (std::size_t i = 1; i < kTimes; ++i) requests += request + "1\r\nHost: localhost\r\n\r\n";
    const auto answers = ask_tls(requests + request + "0\r\n\r\n");
    std::size_t whole = 0;
    for (auto at = answers.find("\r\n\r\n"); at != std::string::npos;
         at = answers.find("\r\n\r\n", at)) {
      at += 4;
      whole += answers.substr(at, size) == bytes.substr(0, size) ? 1U : 0U;
      at += size;
    }
    EXPECT_EQ(whole, kTimes) << size;
  }
}

TEST_F(ServerTlsTest, ACutBodyDoesNotEndInOrder) {
  struct Cut : SpanSource {
    std::optional<std::uint64_t> size() const override { return 100; }
    Task<Span> next() override {
      throw Error(Error::Kind::kCorrupt, "false");
      co_return Span{};
    }
  };
  handler = [](const Request& /*request*/) -> Task<Response> {
    Response response;
    response.body = std::make_unique<Cut>();
    co_return response;
  };
  serve_tls();
  TlsClient client(tls_address);
  client.send("GET / HTTP/1.0\r\n\r\n");
  client.read_to_end();
  EXPECT_FALSE(client.orderly_end());
}

TEST_F(ServerTlsTest, WhoSpeaksPlainHttpIsToldSo) {
  serve_tls();
  RawClient client(tls_address);
  client.send(kGetByTls);
  const auto answer = client.read_to_end();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("https://"));
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTlsTest, VersionsBefore12AreRefused) {
  serve_tls();
  EXPECT_FALSE(TlsClient(tls_address, TLS1_1_VERSION).greeted());
  TlsClient client(tls_address, TLS1_2_VERSION);
  ASSERT_TRUE(client.greeted());
  EXPECT_EQ(client.version(), "TLSv1.2");
}

TEST_F(ServerTlsTest, Http11IsChosenOfWhatAClientOffers) {
  serve_tls();
  EXPECT_EQ(TlsClient(tls_address, TLS1_3_VERSION, "\x02h2\x08http/1.1").protocol(), "http/1.1");
  EXPECT_FALSE(TlsClient(tls_address, TLS1_3_VERSION, "\x02h2").greeted());
}

TEST_F(ServerTlsTest, AClientThatNeverGreetsIsLeft) {
  serve_tls({.header_timeout = 50ms});
  RawClient client(tls_address);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ServerTlsTest, AClientThatLeavesCancelsItsHandler) {
  Waiting waiting;
  handler = wait_as(waiting);
  serve_tls({.header_timeout = 5'000ms, .idle_timeout = 50ms});
  TlsClient client(tls_address);
  client.send(kGetByTls);
  client.close();  // with the notice that TLS has for it
  waiting.ended.get_future().get();
}

TEST_F(ServerTlsTest, ANewCertificateIsShownToNewConnections) {
  serve_tls();
  TlsClient before(tls_address);
  EXPECT_EQ(before.server(), "first");
  show("second");
  EXPECT_EQ(TlsClient(tls_address).server(), "first") << "they were looked at just now";
  tls_clock.advance(2s);
  EXPECT_EQ(TlsClient(tls_address).server(), "second");
  before.send("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_THAT(before.read_to_end(), HasSubstr("GET /x")) << "it goes on with what it was shown";
}

TEST_F(ServerTlsTest, ACertificateThatCannotBeUsedChangesNothing) {
  serve_tls();
  write(certificate, "no certificate");
  tls_clock.advance(2s);
  EXPECT_EQ(TlsClient(tls_address).server(), "first");
  std::filesystem::remove(certificate);
  tls_clock.advance(2s);
  EXPECT_EQ(TlsClient(tls_address).server(), "first");
  show("second");
  tls_clock.advance(2s);
  EXPECT_EQ(TlsClient(tls_address).server(), "second");
}

TEST_F(ServerTlsTest, FilesThatCannotBeUsedAreNamed) {
  EXPECT_EQ(why_not(), "no error");
  const auto other = test::certificate_for("DNS:localhost");
  write(key, other.key);
  EXPECT_EQ(why_not(), "the key " + key.string() + " cannot be used: it is not the key of " +
                           certificate.string());
  write(key, "no key");
  EXPECT_THAT(why_not(), StartsWith("the key " + key.string() + " cannot be used: "));
  write(certificate, "no certificate");
  EXPECT_THAT(why_not(), StartsWith("the certificate " + certificate.string()));
  std::filesystem::remove(certificate);
  EXPECT_EQ(why_not(), "the certificate " + certificate.string() +
                           " cannot be used: No such file or directory");
  ASSERT_EQ(::mkfifo(certificate.c_str(), 0600), 0);
  EXPECT_EQ(why_not(),
            "the certificate " + certificate.string() + " cannot be used: it is no plain file");
}

}  // namespace
}  // namespace hubcache::http
