#include "session.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <unistd.h>

namespace hubcache::http {
namespace {

using std::chrono::steady_clock;

/// Up to this size a file goes out together with the header, from memory: one system call for both
/// costs less than sendfile's two.
constexpr std::uint64_t kSmallFile = 16UL * 1024;

class Session {
 public:
  Session(Connection& connection, SessionContext& context)
      : connection_(connection), context_(context) {}

  /// False when the connection is to end.
  Task<bool> serve_one();

 private:
  Task<bool> read_head();
  Task<> read_body();
  Task<> read_chunked();
  Task<std::string_view> read_line();
  Task<> need(std::size_t bytes);
  Task<Response> answer();
  Task<> write(Response response);
  Task<> write_body(Response& response);
  Task<> refuse(Error error);
  void build_header(const Response& response, std::uint64_t length);
  std::string_view date();
  void log_access(int status) const;

  Connection& connection_;
  SessionContext& context_;
  std::string in_;  // read and not used yet
  std::string out_;
  RequestHead head_;
  Request request_;
  bool keep_alive_ = false;
  std::uint64_t sent_before_ = 0;
  steady_clock::time_point began_;
  Served served_;
};

std::size_t end_of_head(std::string_view text) {
  const auto plain = text.find("\n\n");  // refused by the parser, but an end
  auto proper = text.find("\n\r\n");
  if (proper != std::string_view::npos) proper += 3;
  return std::min(proper, plain == std::string_view::npos ? plain : plain + 2);
}

std::uint64_t size_of(const Body& body) {
  if (const auto* text = std::get_if<std::string>(&body)) return text->size();
  if (const auto* file = std::get_if<FileSpan>(&body)) return file->length;
  if (const auto* source = std::get_if<std::unique_ptr<SpanSource>>(&body))
    return (*source)->size();
  return 0;
}

Task<bool> Session::read_head() {
  while (in_.starts_with("\r\n")) in_.erase(0, 2);
  bool idle = in_.empty();
  connection_.set_idle(idle);
  connection_.set_deadline(steady_clock::now() +
                           (idle ? context_.limits.idle_timeout : context_.limits.header_timeout));
  std::size_t end = std::string::npos;
  while ((end = end_of_head(in_)) == std::string::npos) {
    if (in_.size() > context_.limits.max_header_bytes) break;
    if (idle && connection_.closing()) co_return false;
    bool more = false;
    bool timed_out = false;
    try {
      more = co_await connection_.read_some(in_);
    } catch (const Disconnected& gone) {
      if (!gone.timed_out || in_.empty()) co_return false;
      timed_out = true;
    }
    if (timed_out) throw Error(Error::Kind::kRequestTimeout, "the request took too long to come");
    if (!more) co_return false;
    if (idle) {
      idle = false;
      connection_.set_idle(false);
      connection_.set_deadline(steady_clock::now() + context_.limits.header_timeout);
    }
  }
  began_ = steady_clock::now();
  const auto line = std::string_view(in_).substr(0, in_.find('\n'));
  if (line.size() > context_.limits.max_target_bytes + 32) {
    throw Error(Error::Kind::kUriTooLong, "the request target is too long");
  }
  if (end > context_.limits.max_header_bytes) {
    throw Error(Error::Kind::kHeadersTooLarge, "the request's header fields are too large");
  }
  head_ = read_request_head(std::string_view(in_).substr(0, end), context_.limits.max_target_bytes,
                            request_);
  in_.erase(0, end);
  co_return true;
}

Task<> Session::need(std::size_t bytes) {
  while (in_.size() < bytes) {
    bool more = false;
    bool timed_out = false;
    try {
      more = co_await connection_.read_some(in_);
    } catch (const Disconnected& gone) {
      if (!gone.timed_out) throw;
      timed_out = true;
    }
    if (timed_out) {
      throw Error(Error::Kind::kRequestTimeout, "the request's body took too long to come");
    }
    if (!more) throw Disconnected{};
  }
}

Task<std::string_view> Session::read_line() {
  constexpr std::size_t kLongest = 1024;
  std::size_t end = std::string::npos;
  while ((end = in_.find("\r\n")) == std::string::npos) {
    if (in_.size() > kLongest) throw Error(Error::Kind::kBadRequest, "a malformed chunk");
    co_await need(in_.size() + 1);
  }
  co_return std::string_view(in_).substr(0, end);
}

Task<> Session::read_chunked() {
  auto& body = request_.body;
  while (true) {
    const auto line = co_await read_line();
    const auto digits = line.substr(0, line.find(';'));
    std::uint64_t size = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
      throw Error(Error::Kind::kBadRequest, "a malformed chunk size");
    }
    in_.erase(0, line.size() + 2);
    if (size > context_.limits.max_body_bytes - body.size()) {
      throw Error(Error::Kind::kPayloadTooLarge, "the request's body is too large");
    }
    if (size == 0) break;
    co_await need(size + 2);
    body.append(in_, 0, size);
    if (in_.compare(size, 2, "\r\n") != 0) {
      throw Error(Error::Kind::kBadRequest, "a malformed chunk");
    }
    in_.erase(0, size + 2);
  }
  while (true) {  // trailers are read and dropped
    const auto line = co_await read_line();
    const bool last = line.empty();
    in_.erase(0, line.size() + 2);
    if (last) break;
  }
}

Task<> Session::read_body() {
  const auto& framing = head_.framing;
  if (!framing.chunked && framing.content_length.value_or(0) == 0) co_return;
  if (framing.content_length.value_or(0) > context_.limits.max_body_bytes) {
    throw Error(Error::Kind::kPayloadTooLarge, "the request's body is too large");
  }
  connection_.set_deadline(steady_clock::now() + context_.limits.body_timeout);
  if (head_.expects_continue && in_.empty()) {
    co_await connection_.write("HTTP/1.1 100 Continue\r\n\r\n", {}, false);
  }
  if (framing.chunked) {
    co_await read_chunked();
    co_return;
  }
  co_await need(*framing.content_length);
  request_.body = in_.substr(0, *framing.content_length);
  in_.erase(0, *framing.content_length);
}

Task<Response> Session::answer() {
  std::exception_ptr failure;
  try {
    Request request = request_;
    co_return co_await context_.site.handle(std::move(request));
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  const auto error = Error::from(failure);
  if (error.kind() == Error::Kind::kInternal || error.kind() == Error::Kind::kIo) {
    context_.log.error(
        "request failed",
        {{"why", error.what()}, {"context", error.context()}, {"request_id", request_.id}});
  } else if (!error.context().empty()) {
    context_.log.debug(
        "request refused",
        {{"why", error.what()}, {"context", error.context()}, {"request_id", request_.id}});
  }
  co_return context_.site.on_error(request_, error);
}

std::string_view Session::date() {
  const std::time_t now = ::time(nullptr);
  if (now != context_.date_at) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    context_.date.resize(64);
    context_.date.resize(std::strftime(context_.date.data(), context_.date.size(),
                                       "%a, %d %b %Y %H:%M:%S GMT", &parts));
    context_.date_at = now;
  }
  return context_.date;
}

void Session::build_header(const Response& response, std::uint64_t length) {
  const auto field = [this](std::string_view name, std::string_view value) {
    out_.append(name).append(": ").append(value).append("\r\n");
  };
  out_.clear();
  out_.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out_.append(reason_of(response.status)).append("\r\n");
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    const auto [name, value] = response.headers[i];
    field(name, value);
  }
  const bool bodiless = response.status == 304 || response.status == 204;
  if (!bodiless && !response.headers.has("Content-Length")) {
    field("Content-Length", std::to_string(length));
  }
  field("Date", date());
  field("Server", "hubcache");
  field("X-Request-Id", request_.id);
  field("Connection", keep_alive_ ? "keep-alive" : "close");
  out_ += "\r\n";
}

Task<> Session::write_body(Response& response) {
  const auto patience = context_.limits.write_timeout;
  auto source = std::get<std::unique_ptr<SpanSource>>(std::move(response.body));
  std::uint64_t left = source->size();
  while (left != 0) {
    const auto span = co_await source->next();
    const auto length = length_of(span);
    if (length == 0 || length > left) {
      throw Error(Error::Kind::kInternal, "a body ended early");
    }
    connection_.set_deadline(steady_clock::now() + patience);
    if (const auto* file = std::get_if<FileSpan>(&span)) {
      co_await connection_.send_file(*file, patience);
    } else {
      const auto bytes = std::get<std::span<const std::byte>>(span);
      co_await connection_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, {},
                                 false);
    }
    connection_.set_deadline(Connection::Deadline::max());
    left -= length;
  }
}

Task<> Session::write(Response response) {
  const std::uint64_t length = size_of(response.body);
  build_header(response, length);
  connection_.set_deadline(steady_clock::now() + context_.limits.write_timeout);
  if (request_.is_head() || length == 0) {
    co_await connection_.write(out_, {}, false);
    co_return;
  }
  if (const auto* text = std::get_if<std::string>(&response.body)) {
    co_await connection_.write(out_, *text, false);
    co_return;
  }
  if (const auto* file = std::get_if<FileSpan>(&response.body)) {
    if (length > kSmallFile) {
      co_await connection_.write(out_, {}, true);
      co_await connection_.send_file(*file, context_.limits.write_timeout);
      co_return;
    }
    const std::size_t header = out_.size();
    out_.resize(header + length);
    const ssize_t count =
        ::pread(file->file->get(), out_.data() + header, length, static_cast<off_t>(file->offset));
    if (count != static_cast<ssize_t>(length)) {
      throw Error(Error::Kind::kIo, "a stored file is shorter than it was");
    }
    co_await connection_.write(out_, {}, false);
    co_return;
  }
  co_await connection_.write(out_, {}, false);
  co_await write_body(response);
}

void Session::log_access(int status) const {
  if (!context_.log.access_enabled()) return;
  const auto& request = request_;
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began_);
  context_.log.access({{"client", request.peer.address},
                       {"method", request.method},
                       {"path", request.path()},
                       {"status", status},
                       {"bytes", connection_.sent() - sent_before_},
                       {"us", micros.count()},
                       {"cache", served_.cache},
                       {"request_id", request.id},
                       {"agent", request.headers.get("User-Agent").value_or("")}});
}

Task<> Session::refuse(Error error) {
  keep_alive_ = false;
  auto response = context_.site.on_error(request_, error);
  const int status = response.status;
  connection_.set_deadline(steady_clock::now() + context_.limits.write_timeout);
  co_await write(std::move(response));
  log_access(status);
}

Task<bool> Session::serve_one() {
  head_ = {};
  request_ = {};
  served_ = {};
  keep_alive_ = false;
  sent_before_ = connection_.sent();
  began_ = steady_clock::now();
  std::optional<Error> wrong;
  try {
    if (!co_await read_head()) co_return false;
    request_.peer = connection_.peer();
    request_.id = obs::new_request_id();
    co_await read_body();
  } catch (const Error& error) {
    wrong = error;
  }
  if (wrong) {
    if (request_.id.empty()) request_.id = obs::new_request_id();
    co_await refuse(std::move(*wrong));
    co_return false;
  }
  connection_.set_deadline(Connection::Deadline::max());
  auto response = co_await answer();
  const int status = response.status;
  served_ = response.served;
  keep_alive_ = head_.keep_alive && !connection_.closing();
  std::optional<Error> cut;
  try {
    co_await write(std::move(response));
  } catch (const Error& error) {
    cut = error;
  }
  log_access(status);
  if (cut) {
    context_.log.warn(
        "response cut",
        {{"why", cut->what()}, {"context", cut->context()}, {"request_id", request_.id}});
    connection_.reset();
    throw Disconnected{};
  }
  co_return keep_alive_;
}

}  // namespace

Task<> serve_connection(std::shared_ptr<Connection> connection,
                        std::shared_ptr<SessionContext> context) {
  Session session(*connection, *context);
  bool orderly = false;
  try {
    while (co_await session.serve_one()) {
    }
    orderly = true;
  } catch (const Disconnected& gone) {
    if (gone.timed_out) connection->reset();
  } catch (const std::exception& failure) {
    context->log.error("connection failed", {{"why", failure.what()}});
    connection->reset();
  }
  if (orderly) co_await connection->linger();
}

}  // namespace hubcache::http
