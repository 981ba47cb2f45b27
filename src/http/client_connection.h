#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/http/client.h"
#include "hubcache/net/stream.h"
#include "hubcache/net/tls.h"

#include "answer_head.h"
#include "chunked.h"
#include "input_buffer.h"

namespace hubcache::http {

class ClientPool;

/// A right to have one connection to an origin; gives it back when it goes.
class ClientSlot {
 public:
  ClientSlot(std::weak_ptr<ClientPool> pool, Origin origin)
      : pool_(std::move(pool)), origin_(std::move(origin)) {}
  ~ClientSlot();
  ClientSlot(const ClientSlot&) = delete;
  ClientSlot& operator=(const ClientSlot&) = delete;

  const Origin& origin() const { return origin_; }
  std::shared_ptr<ClientPool> pool() const { return pool_.lock(); }

 private:
  std::weak_ptr<ClientPool> pool_;
  Origin origin_;
};

/// One connection to an origin, perhaps through a proxy: sends a request, reads its answer, again.
class ClientResponse::Connection {
 public:
  Connection(Executor executor, std::unique_ptr<ClientSlot> slot, std::size_t max_header_bytes);

  const Origin& origin() const { return slot_->origin(); }
  std::shared_ptr<ClientPool> pool() const { return slot_->pool(); }

  /// Name, TCP, proxy and TLS, all by the deadline.
  Task<> open(net::TlsContexts& tls, SteadyTime deadline);
  bool is_open() const { return stream_.is_open(); }

  /// Sends the request and reads the answer's head by the deadline. `wire` is the request as it
  /// goes out.
  Task<AnswerHead> exchange(const std::string& wire, bool to_head, SteadyTime deadline);
  /// Did anything come back for the request sent last?
  bool heard() const { return heard_; }

  /// The next bytes of the body; 0 at its end. At least one byte comes every `between_bytes`.
  Task<std::size_t> read_body(asio::mutable_buffer into);
  void set_between_bytes(std::chrono::milliseconds time) { between_bytes_ = time; }
  bool body_ended() const { return body_ == Body::kNone; }

  /// May another request follow on this connection?
  bool is_reusable() const;
  /// Lets go of memory that an idle connection does not need.
  void rest();

 private:
  enum class Body { kNone, kLength, kChunked, kUntilClose };
  Task<> tunnel();
  Task<AnswerHead> read_head();
  void begin_body(const AnswerHead& head, bool to_head);
  Task<std::size_t> read_length(asio::mutable_buffer into);
  Task<std::size_t> read_chunked(asio::mutable_buffer into);
  /// Reads more into the buffer; throws when the peer has closed.
  Task<> fill_buffer(const char* doing);
  [[noreturn]] void refuse(const char* why);

  std::unique_ptr<ClientSlot> slot_;
  net::Stream stream_;
  std::size_t max_header_bytes_;
  InputBuffer input_;
  bool heard_ = false;
  bool keep_alive_ = false;
  Body body_ = Body::kNone;
  std::uint64_t left_ = 0;
  ChunkedDecoder chunks_;
  std::chrono::milliseconds between_bytes_{0};
};

/// The request as it goes out on a connection of this origin.
std::string wire_of(const Origin& origin, const ClientRequest& request,
                    std::string_view user_agent);

}  // namespace hubcache::http
