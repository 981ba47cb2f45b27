#include "support/relay.h"

#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace hubcache::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using Tcp = asio::ip::tcp;
using Tls = asio::ssl::stream<Tcp::socket>;

std::string common_name(SSL* ssl) {
  X509* const shown = SSL_get1_peer_certificate(ssl);
  if (shown == nullptr) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  X509_free(shown);
  return name.data();
}

/// The port of "CONNECT host:port HTTP/1.1" or "GET http://host:port/path HTTP/1.1".
std::uint16_t port_of(const std::string& head) {
  const auto scheme = head.find("http://");
  const auto from = scheme == std::string::npos ? head.find(' ') + 1 : scheme + 7;
  const auto colon = head.find(':', from);
  return static_cast<std::uint16_t>(std::stoi(head.substr(colon + 1)));
}

}  // namespace

struct Relay::State {
  explicit State(Options given)
      : options(std::move(given)),
        acceptor(context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        tls(asio::ssl::context::tls_server) {
    if (options.tls) {
      tls.use_certificate_chain(asio::buffer(options.tls->pem));
      tls.use_private_key(asio::buffer(options.tls->key), asio::ssl::context::pem);
    }
    if (!options.client_authority.empty()) {
      tls.add_certificate_authority(asio::buffer(options.client_authority));
      tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    asio::co_spawn(context, accept(), asio::detached);
    thread = std::thread([this] { context.run(); });
  }
  ~State() {
    context.stop();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  awaitable<void> accept() {
    while (true) {
      auto socket = co_await acceptor.async_accept(use_awaitable);
      {
        const std::lock_guard lock(mutex);
        ++connections;
      }
      asio::co_spawn(context, serve(std::move(socket)), [](const std::exception_ptr&) {});
    }
  }

  awaitable<void> serve(Tcp::socket socket) {
    if (options.silent) {
      std::array<char, 1024> ignored{};
      while (true) co_await socket.async_read_some(asio::buffer(ignored), use_awaitable);
    }
    if (!options.tls) {
      co_await pass_on(std::make_shared<Tcp::socket>(std::move(socket)));
      co_return;
    }
    auto stream = std::make_shared<Tls>(std::move(socket), tls);
    co_await stream->async_handshake(asio::ssl::stream_base::server, use_awaitable);
    {
      const std::lock_guard lock(mutex);
      clients.push_back(common_name(stream->native_handle()));
    }
    co_await pass_on(std::move(stream));
  }

  template <typename Stream>
  awaitable<void> pass_on(std::shared_ptr<Stream> near) {
    std::string first;
    std::uint16_t to = options.to;
    if (options.proxy) {
      co_await asio::async_read_until(*near, asio::dynamic_buffer(first), "\r\n\r\n",
                                      use_awaitable);
      to = port_of(first);
      const std::lock_guard lock(mutex);
      heads.push_back(first);
    }
    auto far = std::make_shared<Tcp::socket>(context);
    co_await far->async_connect({asio::ip::address_v4::loopback(), to}, use_awaitable);
    if (first.starts_with("CONNECT ")) {
      const std::string done = "HTTP/1.1 200 Connection established\r\n\r\n";
      co_await asio::async_write(*near, asio::buffer(done), use_awaitable);
    } else if (options.proxy) {
      // The server is asked as it would be without a proxy.
      const auto url = first.find("http://");
      first.erase(url, first.find('/', url + 7) - url);
      co_await asio::async_write(*far, asio::buffer(first), use_awaitable);
    }
    asio::co_spawn(context, copy(near, far), [far](const std::exception_ptr&) { far->close(); });
    asio::co_spawn(context, copy(far, near), [near](const std::exception_ptr&) {
      boost::system::error_code ignored;
      near->lowest_layer().close(ignored);
    });
  }

  template <typename From, typename To>
  static awaitable<void> copy(std::shared_ptr<From> from, std::shared_ptr<To> to) {
    std::array<char, 16384> buffer{};
    while (true) {
      const auto n = co_await from->async_read_some(asio::buffer(buffer), use_awaitable);
      co_await asio::async_write(*to, asio::buffer(buffer, n), use_awaitable);
    }
  }

  const Options options;
  asio::io_context context;
  Tcp::acceptor acceptor;
  asio::ssl::context tls;
  mutable std::mutex mutex;  // what the test reads
  std::size_t connections = 0;
  std::vector<std::string> heads;
  std::vector<std::string> clients;
  std::thread thread;
};

Relay::Relay(Options options) : state_(std::make_unique<State>(std::move(options))) {}
Relay::~Relay() = default;

std::uint16_t Relay::port() const { return state_->acceptor.local_endpoint().port(); }

std::size_t Relay::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->connections;
}

std::vector<std::string> Relay::heads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->heads;
}

std::vector<std::string> Relay::clients() const {
  const std::lock_guard lock(state_->mutex);
  return state_->clients;
}

}  // namespace hubcache::test
