#include "hubcache/net/stream.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/net/address.h"

namespace hubcache::net {
namespace {

using std::chrono::steady_clock;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using TcpSocket = asio::basic_stream_socket<Tcp, Executor>;
using Resolver = asio::ip::basic_resolver<Tcp, Executor>;
using Tls = asio::ssl::stream<TcpSocket&>;
using InnerTls = asio::ssl::stream<Tls&>;

constexpr std::size_t kWholeRecord = (16 << 10) + 256 + 5;  // of TLS, at most (RFC 8446 5.2)

struct Lookup {
  explicit Lookup(Executor executor) : resolver(executor), wake(executor) {}
  Resolver resolver;
  Timer wake;
  bool done = false;
  ErrorCode failure;
  std::vector<Tcp::endpoint> endpoints;
};

}  // namespace

struct Stream::State : std::enable_shared_from_this<State> {
  explicit State(Executor executor) : socket(executor), timer(executor) {}

  void arm(SteadyTime when) {
    armed_at = when;
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this()](const ErrorCode& cancelled) {
      if (!cancelled) self->fired();
    });
  }

  // The timer is not moved each time the deadline is: it is looked at when the timer fires.
  void fired() {
    armed_at = SteadyTime::max();
    if (deadline == SteadyTime::max()) return;
    if (steady_clock::now() < deadline) {
      arm(deadline);
      return;
    }
    expired = true;
    ErrorCode ignored;
    socket.cancel(ignored);
  }

  Error failed(std::string_view doing, const ErrorCode& failure) const {
    std::string context = std::string(doing) + " " + peer;
    if (expired || steady_clock::now() >= deadline) {
      return {Error::Kind::kUpstreamTimeout, "upstream did not answer in time", context};
    }
    if (failure == asio::error::operation_aborted) {
      return {Error::Kind::kCancelled, "the request was cancelled", context};
    }
    context += ": " + failure.message();
    return {Error::Kind::kUpstream, "the connection to upstream failed", context};
  }

  /// The deadline may have passed between two operations, when there was nothing to cancel.
  void require_time(std::string_view doing) const {
    if (expired) throw failed(doing, asio::error::operation_aborted);
  }

  TcpSocket socket;
  std::unique_ptr<Tls> tls;
  std::unique_ptr<InnerTls> inner;  // over tls
  std::string peer;                 // "host:port", for contexts
  Timer timer;
  SteadyTime deadline = SteadyTime::max();
  SteadyTime armed_at = SteadyTime::max();
  bool expired = false;
};

namespace {

Task<std::vector<Tcp::endpoint>> resolve(std::string host, std::uint16_t port, SteadyTime deadline,
                                         ErrorCode& failure) {
  ErrorCode no_literal;
  const auto literal = asio::ip::make_address(host, no_literal);
  if (!no_literal) {
    std::vector<Tcp::endpoint> one{{literal, port}};
    co_return one;
  }
  const Executor executor = co_await asio::this_coro::executor;
  // The system's resolver cannot be interrupted: we stop waiting for it, it ends on its own.
  const auto lookup = std::make_shared<Lookup>(executor);
  lookup->wake.expires_at(deadline);
  auto found = [lookup](const ErrorCode& problem, const Resolver::results_type& results) {
    lookup->failure = problem;
    for (const auto& entry : results) lookup->endpoints.push_back(entry.endpoint());
    lookup->done = true;
    lookup->wake.cancel();
  };
  lookup->resolver.async_resolve(host, std::to_string(port), Resolver::numeric_service,
                                 std::move(found));
  ErrorCode woken;
  co_await lookup->wake.async_wait(asio::redirect_error(use_task, woken));
  if (!lookup->done) {
    lookup->resolver.cancel();
    failure = asio::error::operation_aborted;
    co_return std::vector<Tcp::endpoint>{};
  }
  failure = lookup->failure;
  co_return std::move(lookup->endpoints);
}

/// Which host is meant, and what its certificate must name.
void expect_host(SSL* ssl, const std::string& host, bool verify) {
  ErrorCode no_literal;
  asio::ip::make_address(host, no_literal);
  if (no_literal) {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    if (verify) SSL_set1_host(ssl, host.c_str());
  } else if (verify) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  }
}

}  // namespace

Stream::Stream(Executor executor) : state_(std::make_shared<State>(executor)) {}

Stream::~Stream() { close(); }

void Stream::set_deadline(SteadyTime deadline) {
  state_->deadline = deadline;
  state_->expired = false;
  if (deadline < state_->armed_at) state_->arm(deadline);
}

Task<> Stream::connect(std::string host, std::uint16_t port, Reach reach) {
  State& state = *state_;
  state.peer = host + ":" + std::to_string(port);
  const SteadyTime whole = state.deadline;
  ErrorCode failure;
  auto endpoints = co_await resolve(host, port, whole, failure);
  if (failure) throw state.failed("resolve", failure);
  std::erase_if(endpoints, [reach](const Tcp::endpoint& endpoint) {
    return !may_connect(endpoint.address(), reach == Reach::kPrivate);
  });
  if (endpoints.empty()) {
    throw Error(Error::Kind::kUpstream, "upstream's address is not allowed",
                "forbidden address of " + state.peer);
  }
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    // An address that swallows packets leaves time for the next.
    const auto now = steady_clock::now();
    set_deadline(now + (whole - now) / static_cast<int>(endpoints.size() - i));
    state.socket.close(failure);
    co_await state.socket.async_connect(endpoints[i], asio::redirect_error(use_task, failure));
    const bool cancelled = failure == asio::error::operation_aborted && !state.expired;
    if (!failure || cancelled) break;
  }
  if (failure) throw state.failed("connect", failure);
  set_deadline(whole);
  state.socket.set_option(Tcp::no_delay(true), failure);
}

Task<> Stream::start_tls(std::shared_ptr<asio::ssl::context> context, std::string host,
                         bool verify) {
  State& state = *state_;
  state.require_time("TLS");
  SSL* ssl = nullptr;
  if (state.tls) {
    state.inner = std::make_unique<InnerTls>(*state.tls, *context);
    ssl = state.inner->native_handle();
  } else {
    state.tls = std::make_unique<Tls>(state.socket, *context);
    ssl = state.tls->native_handle();
  }
  expect_host(ssl, host, verify);
  ErrorCode failure;
  constexpr auto kRole = asio::ssl::stream_base::client;
  if (state.inner) {
    co_await state.inner->async_handshake(kRole, asio::redirect_error(use_task, failure));
  } else {
    co_await state.tls->async_handshake(kRole, asio::redirect_error(use_task, failure));
  }
  if (!failure) co_return;
  const long verdict = SSL_get_verify_result(ssl);
  std::string doing = "TLS";
  if (verdict != X509_V_OK) (doing += " ") += X509_verify_cert_error_string(verdict);
  throw state.failed(doing, failure);
}

Task<std::size_t> Stream::read_some(asio::mutable_buffer into) {
  State& state = *state_;
  state.require_time("read from");
  ErrorCode failure;
  std::size_t n = 0;
  if (state.inner) {
    n = co_await state.inner->async_read_some(into, asio::redirect_error(use_task, failure));
  } else if (state.tls) {
    n = co_await state.tls->async_read_some(into, asio::redirect_error(use_task, failure));
    // One record of 16 KiB at most: those that are here as a whole come along. What fails is met
    // again by the next call.
    ErrorCode later = failure;
    while (!later && n < into.size() && state.socket.available(later) >= kWholeRecord) {
      n += co_await state.tls->async_read_some(into + n, asio::redirect_error(use_task, later));
    }
  } else {
    n = co_await state.socket.async_read_some(into, asio::redirect_error(use_task, failure));
  }
  if (failure && failure != asio::error::eof) throw state.failed("read from", failure);
  co_return n;
}

Task<> Stream::write(std::string_view text) {
  State& state = *state_;
  state.require_time("write to");
  ErrorCode failure;
  const auto bytes = asio::buffer(text);
  if (state.inner) {
    co_await asio::async_write(*state.inner, bytes, asio::redirect_error(use_task, failure));
  } else if (state.tls) {
    co_await asio::async_write(*state.tls, bytes, asio::redirect_error(use_task, failure));
  } else {
    co_await asio::async_write(state.socket, bytes, asio::redirect_error(use_task, failure));
  }
  if (failure) throw state.failed("write to", failure);
}

bool Stream::is_open() const { return state_->socket.is_open(); }

bool Stream::is_quiet() const {
  if (!is_open()) return false;
  char byte = 0;
  const ssize_t n = ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Stream::close() {
  state_->deadline = SteadyTime::max();
  state_->armed_at = SteadyTime::max();
  state_->timer.cancel();
  ErrorCode ignored;
  state_->socket.close(ignored);
}

}  // namespace hubcache::net
