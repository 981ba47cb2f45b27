#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>

#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"

namespace boost::asio::ssl {
class context;
}

namespace hubcache::net {

/// Which addresses a host name may lead to (SECURITY 17).
enum class Reach {
  kPublic,
  kPrivate,  // inside addresses too, but no metadata service
};

/// A connection that we make, TCP or TLS over it, once or twice. One coroutine uses it, on its
/// worker.
///
/// Every operation ends at the deadline set last. They throw kUpstreamTimeout then, kCancelled when
/// the caller was cancelled, kUpstream for all else; the context says what happened where.
class Stream {
 public:
  explicit Stream(Executor executor);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void set_deadline(SteadyTime deadline);

  /// Resolves `host` and connects to the first of its addresses that may be reached and answers.
  /// It is the checked address that is connected, not the name again.
  Task<> connect(std::string host, std::uint16_t port, Reach reach);
  /// Goes on in TLS; `host` is what the certificate must name if `verify`. A second time is TLS
  /// within TLS, as through a proxy that is spoken to in TLS.
  Task<> start_tls(std::shared_ptr<asio::ssl::context> context, std::string host, bool verify);

  /// 0 at an orderly end. A TLS connection that is cut is not an orderly end.
  Task<std::size_t> read_some(asio::mutable_buffer into);
  /// `text` must stay until this returns.
  Task<> write(std::string_view text);

  bool is_open() const;
  /// Nothing has come, and the peer has not closed: may an idle connection be used again?
  bool is_quiet() const;
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the handler of its timer
};

}  // namespace hubcache::net
