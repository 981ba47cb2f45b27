#include "transport.h"

#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <openssl/evp.h>
#include <sys/socket.h>

#include "hubcache/base/error.h"
#include "hubcache/http/url.h"
#include "hubcache/net/address.h"

namespace hubcache::http {
namespace {

[[noreturn]] void fail(const std::string& doing, const boost::system::error_code& error) {
  throw Error(Error::Kind::kUpstream, "the Hub could not be reached",
              doing + ": " + error.message());
}

}  // namespace

/// Closes the socket when the deadline passes; its end calls that off.
class Transport::Guard {
 public:
  Guard(Transport& transport, Deadline deadline) : transport_(transport) {
    transport.timer_.expires_at(deadline);
    transport.timer_.async_wait([state = state_, &transport](boost::system::error_code error) {
      if (error || state->over) return;
      state->fired = true;
      boost::system::error_code ignored;
      transport.socket_.close(ignored);
    });
  }
  ~Guard() {
    state_->over = true;
    transport_.timer_.cancel();
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  void check(const std::string& doing, const boost::system::error_code& error) const {
    if (state_->fired) {
      throw Error(Error::Kind::kUpstreamTimeout, "the Hub did not answer in time", doing);
    }
    if (error) fail(doing, error);
  }
  bool fired() const { return state_->fired; }

 private:
  struct State {
    bool over = false;
    bool fired = false;
  };
  Transport& transport_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

Transport::Transport(Executor executor, Origin origin)
    : executor_(executor), origin_(std::move(origin)), socket_(executor), timer_(executor) {}

Task<> Transport::connect(asio::ssl::context* tls, Deadline deadline) {
  const Guard guard(*this, deadline);
  std::exception_ptr failure;
  try {
    if (origin_.proxy_url.empty()) {
      co_await connect_tcp(origin_.host, origin_.port, true);
    } else {
      co_await connect_through_proxy();
    }
    if (tls != nullptr) co_await handshake(*tls);
  } catch (const Error&) {
    failure = std::current_exception();
  }
  guard.check("connect to " + origin_.host, {});
  if (failure) std::rethrow_exception(failure);
}

Task<> Transport::connect_tcp(std::string host, std::uint16_t port, bool check) {
  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver(executor_);
  const auto [unresolved, found] = co_await resolver.async_resolve(
      host, std::to_string(port), asio::ip::resolver_base::numeric_service,
      asio::as_tuple(use_task));
  if (unresolved) fail("resolve " + host, unresolved);
  boost::system::error_code error = asio::error::host_not_found;
  for (const auto& candidate : found) {
    const auto address = candidate.endpoint().address();
    if (!net::may_connect(address, !check || origin_.allow_private)) {
      throw Error(Error::Kind::kUpstream, "the Hub could not be reached",
                  host + " resolves to an address that is not allowed");
    }
    boost::system::error_code ignored;
    socket_.close(ignored);
    const auto [failed] =
        co_await socket_.async_connect(candidate.endpoint(), asio::as_tuple(use_task));
    error = failed;
    if (!error) break;
  }
  if (error) fail("connect to " + host, error);
  socket_.set_option(asio::ip::tcp::no_delay(true));
}

Task<> Transport::connect_through_proxy() {
  const auto proxy = Url::parse(origin_.proxy_url);
  if (!proxy) throw Error(Error::Kind::kUpstream, "the remote's proxy_url cannot be used");
  co_await connect_tcp(proxy->host, proxy->port, false);
  if (origin_.scheme == "http") co_return;  // requests name their target in full
  const std::string target =
      Url{.scheme = "http", .host = origin_.host, .port = origin_.port, .path = "/", .query = {}}
          .host +
      ":" + std::to_string(origin_.port);
  std::string request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (const auto login = proxy_authorization(origin_); !login.empty()) {
    request += "Proxy-Authorization: " + login + "\r\n";
  }
  request += "\r\n";
  const auto [unsent, sent] =
      co_await asio::async_write(socket_, asio::buffer(request), asio::as_tuple(use_task));
  if (unsent) fail("ask the proxy", unsent);
  std::string answer;
  while (!answer.ends_with("\r\n\r\n")) {  // byte by byte: what follows belongs to TLS
    char c = 0;
    const auto [error, count] =
        co_await socket_.async_read_some(asio::buffer(&c, 1), asio::as_tuple(use_task));
    if (error) fail("hear from the proxy", error);
    answer += c;
    if (answer.size() > 8192) break;
  }
  if (!answer.starts_with("HTTP/1.1 200") && !answer.starts_with("HTTP/1.0 200")) {
    throw Error(Error::Kind::kUpstream, "the proxy refused", answer.substr(0, answer.find('\r')));
  }
}

Task<> Transport::handshake(asio::ssl::context& tls) {
  tls_.emplace(socket_, tls);
  if (SSL_set_tlsext_host_name(tls_->native_handle(), origin_.host.c_str()) != 1) {
    throw Error(Error::Kind::kUpstream, "the Hub could not be reached", std::string("SNI"));
  }
  if (origin_.verify_tls) {
    tls_->set_verify_callback(asio::ssl::host_name_verification(origin_.host));
  }
  const auto [error] =
      co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::as_tuple(use_task));
  if (error) fail("TLS with " + origin_.host, error);
}

Task<std::size_t> Transport::read_some(asio::mutable_buffer into, Deadline deadline) {
  const Guard guard(*this, deadline);
  boost::system::error_code error;
  std::size_t count = 0;
  if (tls_) {
    std::tie(error, count) = co_await tls_->async_read_some(into, asio::as_tuple(use_task));
  } else {
    std::tie(error, count) = co_await socket_.async_read_some(into, asio::as_tuple(use_task));
  }
  const bool ended =
      error == asio::error::eof || error == boost::asio::ssl::error::stream_truncated;
  if (ended && !guard.fired()) co_return 0;
  guard.check("read from " + origin_.host, error);
  co_return count;
}

Task<> Transport::write(std::string_view bytes, Deadline deadline) {
  const Guard guard(*this, deadline);
  boost::system::error_code error;
  std::size_t count = 0;
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  if (tls_) {
    std::tie(error, count) = co_await asio::async_write(*tls_, buffer, asio::as_tuple(use_task));
  } else {
    std::tie(error, count) = co_await asio::async_write(socket_, buffer, asio::as_tuple(use_task));
  }
  guard.check("write to " + origin_.host, error);
}

bool Transport::is_dead() {
  char c = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &c, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

std::unique_ptr<asio::ssl::context> make_tls_context(const Origin& origin) {
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  try {
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    tls->set_default_verify_paths();
    if (!origin.ca_cert.empty()) tls->add_certificate_authority(asio::buffer(origin.ca_cert));
    if (!origin.client_cert.empty() && !origin.client_key.empty()) {
      tls->use_certificate_chain(asio::buffer(origin.client_cert));
      tls->use_private_key(asio::buffer(origin.client_key), asio::ssl::context::pem);
    }
    tls->set_verify_mode(origin.verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none);
  } catch (const boost::system::system_error& failure) {
    throw Error(Error::Kind::kUpstream, "the remote's certificates cannot be used",
                std::string(failure.what()));
  }
  return tls;
}

std::string proxy_authorization(const Origin& origin) {
  if (origin.proxy_username.empty() && origin.proxy_password.empty()) return {};
  const std::string plain = origin.proxy_username + ":" + origin.proxy_password;
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(plain.data()),
                                   static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return "Basic " + encoded;
}

}  // namespace hubcache::http
