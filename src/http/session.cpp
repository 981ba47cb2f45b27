#include "session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "hubcache/http/status.h"

#include "chunked.h"

namespace hubcache::http {
namespace {

using net::Io;

constexpr std::size_t kReadSize = 4 * 1024;
constexpr std::size_t kBodyReadSize = 64 * 1024;
constexpr std::size_t kRequestLineRest = 64;  // of a request line without its target
constexpr std::size_t kMostDrained = 8 * 1024 * 1024;
constexpr std::chrono::seconds kLinger{2};
constexpr std::chrono::seconds kNear{1};  // more than the time between two checks
constexpr int kClientGone = 499;          // for the log only, as nginx has it
constexpr std::size_t kLoggedPath = 1024;
constexpr std::size_t kLoggedAgent = 200;

constexpr const char* kTooManyLong = "too many long requests at a time";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

/// What one request takes of the room that there is for all.
class Session::Room {
 public:
  explicit Room(const std::shared_ptr<MemoryRoom>& of_all) : of_all_(of_all) {}

  /// False: not all that many bytes have room.
  bool has(std::size_t size) {
    if (of_all_->taken_by(size) == 0) return true;
    if (!share_) share_.emplace(of_all_);
    return share_->grow_to(size);
  }
  /// It takes no more than that from now on.
  void keep(std::size_t size) {
    if (share_) share_->shrink_to(size);
  }

 private:
  const std::shared_ptr<MemoryRoom>& of_all_;
  std::optional<MemoryRoom::Share> share_;  // most need none
};

/// One request and what becomes of it.
struct Session::Exchange {
  explicit Exchange(const ServerWorker& worker) : room(worker.request_room) {}

  Request request;
  RequestHead head;
  std::optional<Error> problem;  // found here, before any handler
  SteadyTime started;
  bool broken = false;  // the connection is no more
  bool keep_alive = false;
  std::size_t header_size = 0;
  Room room;
};

Session::Session(std::shared_ptr<ServerWorker> worker, Fd socket, Peer peer, net::TlsContext tls)
    : worker_(std::move(worker)),
      place_(worker_->sessions.insert(worker_->sessions.end(), this)),
      socket_(worker_->executor, std::move(socket), *worker_->pool),
      tls_(std::move(tls)),
      peer_(std::move(peer)),
      id_(obs::new_request_id()),
      answer_timer_(worker_->executor) {}

Session::~Session() {
  worker_->sessions.erase(place_);
  worker_->connections.fetch_sub(1, std::memory_order_relaxed);
}

void Session::start(std::shared_ptr<Session> session, bool refused) {
  const auto executor = session->worker_->executor;
  const auto slot = session->cancel_.slot();
  // The handler holds the session: the signal must outlive the coroutine that listens to it.
  auto ended = [session](const std::exception_ptr&) {};
  asio::co_spawn(executor, run(std::move(session), refused),
                 asio::bind_cancellation_slot(slot, std::move(ended)));
}

void Session::check(SteadyTime now) {
  socket_.check(now);
  if (phase_ != Phase::kHandling || gone_) return;
  if (socket_.peer_gone()) {
    gone_ = true;
    cancel_.emit(asio::cancellation_type::terminal);
  } else if (answer_by_ - now < kNear) {
    watch_answer();
  }
}

void Session::watch_answer() {
  answer_timer_.expires_at(answer_by_);
  auto passed = [weak = weak_from_this(),
                 by = answer_by_](const boost::system::error_code& stopped) {
    const auto self = weak.lock();
    if (stopped || !self || self->answer_by_ != by || self->gone_) return;
    self->late_ = true;
    self->cancel_.emit(asio::cancellation_type::terminal);
  };
  answer_timer_.async_wait(std::move(passed));
}

void Session::end_if_idle() {
  if (phase_ == Phase::kIdle) socket_.stop();
}

void Session::reset() {
  gone_ = true;
  end_ = End::kReset;
  socket_.stop();
  cancel_.emit(asio::cancellation_type::terminal);
}

Task<> Session::run(std::shared_ptr<Session> self, bool refused) {
  try {
    const bool greeted = !self->tls_ || co_await self->greet();
    if (greeted && refused) {
      co_await self->refuse({Error::Kind::kUnavailable, "too many connections"});
    } else if (greeted) {
      co_await self->serve();
    }
    if (self->end_ == End::kLinger) co_await self->linger();
  } catch (const std::exception& failure) {
    self->end_ = End::kReset;
    if (!self->gone_) {
      self->worker_->log.error("session_failed", {{"context", failure.what()}});
    }
  }
  if (self->end_ == End::kReset) {
    self->socket_.reset();
  } else {
    self->socket_.close();
  }
}

Task<bool> Session::greet() {
  phase_ = Phase::kReading;
  const Io status = co_await socket_.accept_tls(tls_, now() + worker_->limits.header_timeout);
  phase_ = Phase::kIdle;
  if (status == Io::kPlain) {
    co_await refuse({Error::Kind::kBadRequest, "this address speaks TLS: use https://"});
  }
  co_return status == Io::kOk;
}

Task<> Session::refuse(Error why) {
  Exchange exchange(*worker_);
  begin(exchange);
  Response response = render(exchange.request, why);
  end_ = End::kLinger;
  if (!send_at_once(exchange, response)) co_await send_rest(exchange, response);
}

Task<> Session::serve() {
  bool goes_on = true;
  // One coroutine for all: its frame is too large for what Asio keeps of those that ended.
  while (goes_on) {
    Exchange exchange(*worker_);
    const auto block = co_await read_block(exchange);
    if (block == 0 && !exchange.problem) co_return;

    begin(exchange);
    exchange.header_size = block;
    if (!exchange.problem) parse(exchange, block);
    if (!exchange.problem && has_body(exchange)) co_await read_body(exchange);
    if (exchange.broken) co_return;
    input_.shrink(kFreeForEach);

    Response response;
    if (exchange.problem) {
      // Where the next request begins is not known: this connection ends, but gently, so that the
      // client reads our answer before it learns of the end.
      end_ = End::kLinger;
      response = render(exchange.request, *exchange.problem);
    } else {
      if (auto known = answer_at_once(exchange)) {
        response = *std::move(known);
      } else {
        response = co_await answer(exchange);
      }
      if (gone_) {
        end_ = End::kReset;
        response.status = kClientGone;
        log_access(exchange, response, 0);
        co_return;
      }
      exchange.keep_alive = exchange.head.keep_alive && !worker_->draining;
      // Nothing but the connection's end can tell that of the body.
      if (exchange.head.http_1_0 && !length_of(response.body)) exchange.keep_alive = false;
    }
    std::string().swap(exchange.request.body);  // that of a bad request too: it may be a long one
    exchange.room.keep(exchange.header_size);   // the log's
    if (!send_at_once(exchange, response)) co_await send_rest(exchange, response);
    phase_ = Phase::kIdle;
    worker_->spare = std::move(exchange.request);
    goes_on = exchange.keep_alive && end_ == End::kClose;
  }
}

Task<std::size_t> Session::read_block(Exchange& exchange) {
  const Limits& limits = worker_->limits;
  std::optional<SteadyTime> header_deadline;
  bool blank_line_allowed = true;  // RFC 9112 2.2: some clients send one after a body
  while (true) {
    if (blank_line_allowed && input_.view().starts_with("\r\n")) {
      input_.consume(2);
      blank_line_allowed = false;
    }
    const auto bytes = input_.view();
    Problem problem = nullptr;
    const auto end = find_head_end(bytes, problem);
    if (problem != nullptr) {
      exchange.problem.emplace(Error::Kind::kBadRequest, std::string("bad request: ") + problem);
      co_return 0;
    }
    if (!end && bytes.size() > limits.max_target_bytes + kRequestLineRest &&
        bytes.find('\r') == std::string_view::npos) {
      exchange.problem.emplace(Error::Kind::kUriTooLong, "the request's target is too long");
      co_return 0;
    }
    if (end.value_or(bytes.size()) > limits.max_header_bytes) {
      exchange.problem.emplace(Error::Kind::kHeadersTooLarge, "the request's header is too large");
      co_return 0;
    }
    if (end) co_return *end;
    if (!exchange.room.has(bytes.size() + kReadSize)) {
      exchange.problem.emplace(Error::Kind::kUnavailable, kTooManyLong);
      co_return 0;
    }

    if (bytes.empty() && worker_->draining) co_return 0;
    if (!bytes.empty() && !header_deadline) header_deadline = now() + limits.header_timeout;
    phase_ = bytes.empty() ? Phase::kIdle : Phase::kReading;
    const auto deadline = header_deadline.value_or(now() + limits.idle_timeout);
    const auto read = co_await socket_.read_some(room_for(kReadSize), deadline);
    if (read.status == Io::kTimeout && header_deadline) {
      exchange.problem.emplace(Error::Kind::kRequestTimeout, "the request came too slowly");
      co_return 0;
    }
    if (read.status != Io::kOk) co_return 0;
    input_.added(read.size);
  }
}

void Session::parse(Exchange& exchange, std::size_t block) {
  try {
    exchange.head = read_request_head(input_.view().substr(0, block),
                                      worker_->limits.max_target_bytes, exchange.request);
  } catch (const Error& problem) {
    exchange.problem = problem;
  }
  input_.consume(block);
}

bool Session::has_body(const Exchange& exchange) {
  const Framing& framing = exchange.head.framing;
  return framing.chunked || framing.content_length.value_or(0) > 0;
}

Task<> Session::read_body(Exchange& exchange) {
  const Framing& framing = exchange.head.framing;
  const auto length = framing.content_length.value_or(0);
  const Limits& limits = worker_->limits;
  if (!let_in(exchange, length)) co_return;
  phase_ = Phase::kReading;
  if (exchange.head.expects_continue && input_.view().empty()) {
    const Io status = co_await socket_.write(kContinue, {}, limits.write_timeout);
    exchange.broken = status != Io::kOk;
    if (exchange.broken) co_return;
  }
  const auto deadline = now() + limits.body_timeout;
  if (framing.chunked) {
    co_await read_chunked(exchange, deadline);
    co_return;
  }
  const auto size = static_cast<std::size_t>(length);
  while (true) {
    const auto piece = input_.view().substr(0, size - exchange.request.body.size());
    exchange.request.body += piece;
    input_.consume(piece.size());
    if (exchange.request.body.size() == size) co_return;
    const auto left = size - exchange.request.body.size();
    if (!co_await fill_buffer(exchange, left, deadline)) co_return;
  }
}

bool Session::let_in(Exchange& exchange, std::uint64_t size) {
  const auto usual = worker_->limits.max_body_bytes;
  if (size <= usual) return true;
  const auto& longer = worker_->site.longer_body;
  const auto most = longer ? longer(exchange.request).value_or(usual) : usual;
  if (size > most) {
    exchange.problem.emplace(Error::Kind::kPayloadTooLarge, "the request's body is too large");
  }
  return !exchange.problem;
}

Task<> Session::read_chunked(Exchange& exchange, SteadyTime deadline) {
  ChunkedDecoder decoder;
  while (true) {
    auto bytes = input_.view();
    const auto before = bytes.size();
    const auto piece = decoder.take(bytes);
    exchange.request.body += piece;
    input_.consume(before - bytes.size());
    if (decoder.done()) co_return;
    if (decoder.bad()) {
      exchange.problem.emplace(Error::Kind::kBadRequest, "bad request: the chunks are malformed");
      co_return;
    }
    if (!let_in(exchange, exchange.request.body.size())) co_return;
    if (piece.empty() && !co_await fill_buffer(exchange, kReadSize, deadline)) co_return;
  }
}

Task<bool> Session::fill_buffer(Exchange& exchange, std::size_t most, SteadyTime deadline) {
  const auto size = std::min(most, kBodyReadSize);
  if (!exchange.room.has(exchange.header_size + exchange.request.body.size() + size)) {
    exchange.problem.emplace(Error::Kind::kUnavailable, kTooManyLong);
    co_return false;
  }
  const auto read = co_await socket_.read_some(room_for(size), deadline);
  if (read.status == Io::kOk) {
    input_.added(read.size);
    co_return true;
  }
  if (read.status == Io::kTimeout) {
    exchange.problem.emplace(Error::Kind::kRequestTimeout, "the request's body came too slowly");
  } else {
    exchange.broken = true;
  }
  co_return false;
}

std::optional<Response> Session::answer_at_once(const Exchange& exchange) {
  if (!worker_->site.at_once || has_body(exchange)) return std::nullopt;
  return worker_->site.at_once(exchange.request);
}

Task<Response> Session::answer(Exchange& exchange) {
  Response response;
  std::exception_ptr failure;
  const auto* const prompt = worker_->prompt;
  const bool in_time = prompt != nullptr && prompt->holds_for(exchange.request);
  answer_by_ = in_time ? now() + prompt->within : SteadyTime::max();
  phase_ = Phase::kHandling;
  try {
    response = co_await worker_->site.handle(exchange.request);
  } catch (...) {
    failure = std::current_exception();
  }
  answer_by_ = SteadyTime::max();  // the body may take longer
  const bool late = std::exchange(late_, false);
  if (late) co_await asio::this_coro::reset_cancellation_state();  // the session goes on
  if (!failure) co_return response;
  if (gone_) co_return Response{};
  if (late) {
    const Error error(Error::Kind::kUpstreamTimeout, "an answer did not come in time");
    co_return render(exchange.request, error);
  }
  co_return render(exchange.request, Error::from(failure));
}

Response Session::render(const Request& request, const Error& error) {
  if (error.kind() == Error::Kind::kInternal || error.kind() == Error::Kind::kIo) {
    worker_->log.error("request_failed", {{"request_id", request.id},
                                          {"kind", name_of(error.kind())},
                                          {"message", error.what()},
                                          {"context", error.context()}});
  }
  try {
    return worker_->site.on_error(request, error);
  } catch (const std::exception& failure) {
    worker_->log.error("error_page_failed",
                       {{"request_id", request.id}, {"context", failure.what()}});
    const int status = status_of(error.kind());
    return text_response(status, std::string(reason_of(status)) + "\n");
  }
}

/// Puts the response's header into the worker's buffer.
void Session::begin_response(const Exchange& exchange, const Response& response) {
  phase_ = Phase::kWriting;
  first_byte_ = now();
  written_before_ = socket_.bytes_written();
  std::string& out = worker_->out;
  out.clear();
  append_head(out, response, exchange.request.id, worker_->date.at(worker_->clock.now()),
              {.to_head = exchange.request.is_head(),
               .close = !exchange.keep_alive,
               .to_http_1_0 = exchange.head.http_1_0});
  head_size_ = out.size();
}

void Session::end_response(const Exchange& exchange, const Response& response, Io status) {
  if (status != Io::kOk) end_ = End::kReset;
  if (status == Io::kShortFile) {
    worker_->log.error("file_too_short", {{"request_id", exchange.request.id}});
  }
  const auto written = socket_.bytes_written() - written_before_;
  const auto bytes = written - std::min<std::uint64_t>(written, head_size_);
  count(exchange, response, bytes);
  log_access(exchange, response, bytes);
}

bool Session::send_at_once(const Exchange& exchange, const Response& response) {
  begin_response(exchange, response);
  const bool bare = exchange.request.is_head() || !may_have_body(response.status) ||
                    length_of(response.body) == 0;
  const auto* file = std::get_if<FileSpan>(&response.body);
  const auto small = file == nullptr || bare ? std::string_view() : read_small(*file);
  if (!bare && small.empty()) return false;
  std::string& out = worker_->out;
  const auto sent = socket_.write_at_once(out, small);
  if (sent < out.size() + small.size()) {
    unsent_ = (out += small).substr(sent);
    return false;
  }
  end_response(exchange, response, Io::kOk);
  return true;
}

Task<> Session::send_rest(const Exchange& exchange, Response& response) {
  const auto limit = worker_->limits.write_timeout;
  const std::string& head = worker_->out;
  Io status = Io::kOk;
  if (!unsent_.empty()) {
    status = co_await socket_.write(unsent_, {}, limit);
    std::string().swap(unsent_);
  } else if (const auto text = text_of(response.body)) {
    status = co_await socket_.write(head, *text, limit);
  } else if (const auto* file = std::get_if<FileSpan>(&response.body)) {
    status = co_await send_span(*file, head);
  } else if (const auto* source = std::get_if<std::unique_ptr<SpanSource>>(&response.body)) {
    // The header does not wait for the source: clients give up after ten seconds without one.
    status = co_await socket_.write(head, {}, limit);
    const bool chunked = !(*source)->size() && !exchange.head.http_1_0;
    if (status == Io::kOk) status = co_await send_source(**source, chunked);
  }
  end_response(exchange, response, status);
}

Task<> Session::linger() {
  socket_.shut_down_write();
  const auto deadline = now() + kLinger;
  std::size_t drained = 0;
  while (drained < kMostDrained) {
    input_.consume(input_.view().size());
    input_.shrink(kFreeForEach);
    const auto read = co_await socket_.read_some(room_for(kReadSize), deadline);
    if (read.status != Io::kOk) co_return;
    drained += read.size;
  }
}

void Session::count(const Exchange& exchange, const Response& response, std::uint64_t bytes) {
  Traffic& traffic = worker_->traffic;
  auto& sent = traffic.sent[static_cast<std::size_t>(Traffic::from(response.served.cache))];
  sent.bytes.add(bytes);
  sent.first_byte.add(first_byte_ - exchange.started);
  if (end_ == End::kReset) traffic.cut.add();
}

void Session::log_access(const Exchange& exchange, const Response& response, std::uint64_t bytes) {
  const Request& request = exchange.request;
  using std::chrono::microseconds;
  const auto took = std::chrono::duration_cast<microseconds>(now() - exchange.started);
  worker_->access_log.add(
      {{"client", peer_.address},
       {"method", request.method},
       {"path", request.path().substr(0, kLoggedPath)},
       {"status", response.status},
       {"bytes", bytes},
       {"ms", took},
       {"cache", response.served.cache},
       {"upstream_ms", response.served.upstream},
       {"end", end_ == End::kReset ? "cut" : "whole"},
       {"request_id", request.id},
       {"agent", request.headers.get("User-Agent").value_or("").substr(0, kLoggedAgent)}});
}

/// Gives the request its name: the connection's, and its number there.
void Session::begin(Exchange& exchange) {
  exchange.started = now();
  Request& request = exchange.request = std::move(worker_->spare);
  request.method = "GET";  // until it is read
  request.target = '/';
  request.headers.clear();
  request.peer = peer_;
  std::array<char, 20> digits{};
  auto* const end = std::to_chars(digits.begin(), digits.end(), ++requests_).ptr;
  ((request.id = id_) += '-').append(digits.begin(), end);
}

}  // namespace hubcache::http
