#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>

#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/memory_room.h"
#include "hubcache/http/prompt.h"
#include "hubcache/http/server.h"
#include "hubcache/net/socket.h"

#include "input_buffer.h"
#include "request_head.h"
#include "response_head.h"

namespace hubcache::http {

class Session;

constexpr std::size_t kFreeForEach = 8 * 1024;  // what a request may take without asking
constexpr std::size_t kSmallFile = 16 * 1024;   // read, not sent by sendfile: one call for all

/// What the sessions of one worker share. Holds nothing that belongs to an io_context, so whoever
/// lets go of it last may do so anywhere.
struct ServerWorker {
  ServerWorker(Executor on, Site answers, Limits bounds, const Clock& time, obs::Log& lines,
               std::shared_ptr<Pool> disk, std::shared_ptr<MemoryRoom> room)
      : executor(std::move(on)),
        site(std::move(answers)),
        prompt(site.handle.target<Prompt>()),
        limits(bounds),
        clock(time),
        log(lines),
        pool(std::move(disk)),
        request_room(std::move(room)) {}

  const Executor executor;
  const Site site;
  const Prompt* const prompt;  // null: answers may take any time
  const Limits limits;
  const Clock& clock;
  obs::Log& log;
  const std::shared_ptr<Pool> pool;
  /// For what requests that are not answered yet take on all workers, beside a little that each
  /// may.
  const std::shared_ptr<MemoryRoom> request_room;
  std::atomic<std::size_t> connections{0};  // also those on their way here; read by the acceptor
  Traffic traffic;

  // Only this worker touches the rest.
  obs::AccessLog access_log{log};
  std::list<Session*> sessions;
  bool draining = false;  // shutting down: every response is the last of its connection
  std::string out;        // a response is put together here; free again at the first wait
  std::array<char, kSmallFile> small_file{};  // and so is this
  Request spare;  // of the request that ended last: the next one finds its memory there
  DateLine date;
};

/// One connection of a client: reads a request, has it answered, writes the response, again.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `tls`: null for a connection in plain text.
  Session(std::shared_ptr<ServerWorker> worker, Fd socket, Peer peer, net::TlsContext tls);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// `refused`: there are too many connections; answers 503 and closes.
  static void start(std::shared_ptr<Session> session, bool refused);

  /// Looks at deadlines, and whether a client that waits is still there.
  void check(SteadyTime now);
  /// Ends the session if it is between two requests.
  void end_if_idle();
  void reset();

 private:
  enum class Phase { kIdle, kReading, kHandling, kWriting };
  enum class End { kClose, kLinger, kReset };
  struct Exchange;
  class Room;

  static Task<> run(std::shared_ptr<Session> self, bool refused);
  /// False when there is nobody to serve.
  Task<bool> greet();
  Task<> refuse(Error why);
  /// One request and its response after the other.
  Task<> serve();
  /// The size of the header block at the front of the buffer; 0 when there will be none.
  Task<std::size_t> read_block(Exchange& exchange);
  void parse(Exchange& exchange, std::size_t block);
  static bool has_body(const Exchange& exchange);
  Task<> read_body(Exchange& exchange);
  /// May its body have this size? Sets the problem if not.
  bool let_in(Exchange& exchange, std::uint64_t size);
  Task<> read_chunked(Exchange& exchange, SteadyTime deadline);
  /// To read so much into and no more: what follows has not asked for room.
  asio::mutable_buffer room_for(std::size_t size) { return asio::buffer(input_.room(size), size); }
  /// Reads `most` bytes more of the body at most.
  Task<bool> fill_buffer(Exchange& exchange, std::size_t most, SteadyTime deadline);
  std::optional<Response> answer_at_once(const Exchange& exchange);
  Task<Response> answer(Exchange& exchange);
  void watch_answer();
  Response render(const Request& request, const Error& error);
  void begin_response(const Exchange& exchange, const Response& response);
  void end_response(const Exchange& exchange, const Response& response, net::Io status);
  /// Begins the response, and ends it if it is short, in memory, and the client takes it at once:
  /// without a coroutine. Otherwise send_rest() has to follow before anything else.
  bool send_at_once(const Exchange& exchange, const Response& response);
  Task<> send_rest(const Exchange& exchange, Response& response);
  /// The bytes of a small file, in the worker's buffer for them; empty unless they are in memory.
  std::string_view read_small(const FileSpan& span);
  Task<net::Io> send_span(FileSpan span, std::string_view head);
  Task<net::Io> send_source(SpanSource& source, bool chunked);
  Task<net::Io> send_bit(const Span& span, std::string_view head);
  Task<> linger();
  void count(const Exchange& exchange, const Response& response, std::uint64_t bytes);
  void log_access(const Exchange& exchange, const Response& response, std::uint64_t bytes);
  void begin(Exchange& exchange);
  static SteadyTime now() { return std::chrono::steady_clock::now(); }

  std::shared_ptr<ServerWorker> worker_;
  std::list<Session*>::iterator place_;
  net::Socket socket_;
  net::TlsContext tls_;
  Peer peer_;
  std::string id_;  // of the connection; its requests count up from it
  std::uint64_t requests_ = 0;
  InputBuffer input_;
  Phase phase_ = Phase::kIdle;
  End end_ = End::kClose;
  // Of the response that is being sent.
  SteadyTime first_byte_;
  std::uint64_t written_before_ = 0;
  std::size_t head_size_ = 0;
  std::string unsent_;  // of a short one, what the client did not take at once
  asio::cancellation_signal cancel_;
  SteadyTime answer_by_ = SteadyTime::max();  // the head of the answer that is waited for
  Timer answer_timer_;                        // set once that time is near
  bool late_ = false;  // it has passed: the handler was cancelled, not the session
  bool gone_ = false;  // the client left, or reset() was called: nothing is left to say
};

}  // namespace hubcache::http
