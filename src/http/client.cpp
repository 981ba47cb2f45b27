#include "hubcache/http/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <zlib.h>

#include "fields.h"
#include "transport.h"

namespace hubcache::http {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kReadSize = 16UL * 1024;

Transport::Deadline after(std::chrono::milliseconds time) { return steady_clock::now() + time; }

[[noreturn]] void malformed(const char* what) {
  throw Error(Error::Kind::kUpstream, "the Hub sent an answer that cannot be read",
              std::string(what));
}

std::string authority_of(const Origin& origin) {
  std::string text =
      origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]";
  const std::uint16_t usual = origin.scheme == "http" ? 80 : 443;
  if (origin.port != usual) text += ":" + std::to_string(origin.port);
  return text;
}

/// Unpacks gzip as it comes, up to a limit.
std::string gunzip(std::string_view packed, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) malformed("gzip");
  const auto end = [&stream](z_stream* /*unused*/) { inflateEnd(&stream); };
  const std::unique_ptr<z_stream, decltype(end)> guard(&stream, end);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::array<char, 32UL * 1024> buffer{};
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (out.size() > limit) {
      throw Error(Error::Kind::kUpstream, "the Hub sent an answer that is too large");
    }
    if (result == Z_BUF_ERROR) malformed("gzip, cut short");
  }
  if (result != Z_STREAM_END) malformed("gzip");
  return out;
}

}  // namespace

/// Per-origin connections: idle ones, how many are in use, and who waits for one.
struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  struct Idle {
    std::unique_ptr<Transport> transport;
    steady_clock::time_point since;
  };
  struct Pool {
    std::deque<Idle> idle;  // the latest at the back
    std::size_t in_use = 0;
    std::deque<ClientTimer*> waiting;
    std::unique_ptr<asio::ssl::context> tls;
  };

  Impl(Executor e, Options o, obs::Log& l) : executor(e), options(std::move(o)), log(l) {}

  Executor executor;
  Options options;
  obs::Log& log;
  std::map<Origin, Pool> pools;

  Pool& pool_of(const Origin& origin) { return pools[origin]; }

  void drop_old(Pool& pool) const {
    const auto now = steady_clock::now();
    while (!pool.idle.empty() && now - pool.idle.front().since > options.idle_timeout) {
      pool.idle.pop_front();
    }
  }

  std::unique_ptr<Transport> take_idle(Pool& pool) const {
    drop_old(pool);
    while (!pool.idle.empty()) {
      auto transport = std::move(pool.idle.back().transport);
      pool.idle.pop_back();
      if (!transport->is_dead()) return transport;
    }
    return nullptr;
  }

  /// Waits until fewer than the allowed connections are in use, first come first served.
  Task<> enter(Origin origin, Transport::Deadline deadline) {
    auto& pool = pool_of(origin);
    while (pool.in_use >= options.connections_per_origin) {
      ClientTimer timer(executor);
      timer.expires_at(deadline);
      pool.waiting.push_back(&timer);
      co_await timer.async_wait(asio::as_tuple(use_task));
      std::erase(pool.waiting, &timer);
      if (steady_clock::now() >= deadline) {
        throw Error(Error::Kind::kUpstreamTimeout, "the Hub did not answer in time",
                    std::string("no free connection"));
      }
    }
    ++pool.in_use;
  }

  void leave(const Origin& origin) {
    auto& pool = pool_of(origin);
    --pool.in_use;
    if (!pool.waiting.empty()) pool.waiting.front()->cancel();
  }

  void give_back(std::unique_ptr<Transport> transport) {
    auto& pool = pool_of(transport->origin());
    if (pool.idle.size() >= options.idle_per_origin) pool.idle.pop_front();
    pool.idle.push_back({.transport = std::move(transport), .since = steady_clock::now()});
  }
};

/// One exchange on a transport: reads the header, then hands the body out.
class ClientResponse::Connection {
 public:
  Connection(std::shared_ptr<Client::Impl> client, Origin origin, Timeouts timeouts)
      : client_(std::move(client)), origin_(std::move(origin)), timeouts_(timeouts) {}
  ~Connection() {
    if (reusable_ && transport_) client_->give_back(std::move(transport_));
    client_->leave(origin_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Task<> exchange(const std::string& message, bool head, ClientResponse& response);
  Task<std::size_t> read(asio::mutable_buffer into);
  bool began_answer() const { return !in_.empty(); }
  bool reused() const { return reused_; }
  Task<> open(bool fresh, Transport::Deadline deadline);

 private:
  Task<> more(Transport::Deadline deadline);
  Task<> next_chunk();
  Task<std::string> line();
  void finish();

  std::shared_ptr<Client::Impl> client_;
  Origin origin_;
  Timeouts timeouts_;
  std::unique_ptr<Transport> transport_;
  std::string in_;
  std::size_t used_ = 0;  // of in_
  Framing framing_;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  bool until_close_ = false;
  bool done_ = false;
  bool keep_alive_ = false;
  bool reused_ = false;
  bool reusable_ = false;
};

Task<> ClientResponse::Connection::open(bool fresh, Transport::Deadline deadline) {
  auto& pool = client_->pool_of(origin_);
  in_.clear();
  reused_ = false;
  if (!fresh) transport_ = client_->take_idle(pool);
  if (transport_ && !fresh) {
    reused_ = true;
    co_return;
  }
  transport_ = std::make_unique<Transport>(client_->executor, origin_);
  const bool secure = origin_.scheme == "https";
  if (secure && !pool.tls) pool.tls = make_tls_context(origin_);
  co_await transport_->connect(secure ? pool.tls.get() : nullptr, deadline);
}

Task<> ClientResponse::Connection::more(Transport::Deadline deadline) {
  if (used_ == in_.size()) {
    in_.clear();
    used_ = 0;
  }
  const std::size_t before = in_.size();
  in_.resize(before + kReadSize);
  const std::size_t count =
      co_await transport_->read_some(asio::buffer(in_.data() + before, kReadSize), deadline);
  in_.resize(before + count);
  if (count == 0) {
    throw Error(Error::Kind::kUpstream, "the Hub ended the connection early");
  }
}

Task<> ClientResponse::Connection::exchange(const std::string& message, bool head,
                                            ClientResponse& response) {
  const auto deadline = after(timeouts_.first_byte);
  co_await transport_->write(message, deadline);
  while (true) {
    std::size_t end = std::string::npos;
    while ((end = in_.find("\r\n\r\n", used_)) == std::string::npos) {
      if (in_.size() - used_ > client_->options.max_header_bytes) malformed("header too large");
      co_await more(deadline);
    }
    const auto block = std::string_view(in_).substr(used_, end + 4 - used_);
    const auto status_line = block.substr(0, block.find("\r\n"));
    if (status_line.size() < 12 || !status_line.starts_with("HTTP/1.")) malformed("status line");
    const auto digits = status_line.substr(9, 3);
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + 3, response.status);
    if (error != std::errc() || last != digits.data() + 3) malformed("status line");
    response.headers = {};
    if (const auto problem = read_fields(block.substr(status_line.size() + 2), response.headers)) {
      malformed(problem);
    }
    if (const auto problem = read_framing(response.headers, false, framing_)) malformed(problem);
    used_ = end + 4;
    keep_alive_ = status_line.starts_with("HTTP/1.1") &&
                  !same_name(response.headers.get("Connection").value_or(""), "close");
    if (response.status >= 200) break;
  }
  response.content_length = framing_.content_length;
  const bool bodiless = head || response.status == 204 || response.status == 304;
  if (bodiless || (framing_.content_length && *framing_.content_length == 0)) {
    finish();
  } else if (!framing_.chunked && !framing_.content_length) {
    until_close_ = true;
  } else {
    left_ = framing_.content_length.value_or(0);
  }
}

void ClientResponse::Connection::finish() {
  done_ = true;
  reusable_ = keep_alive_ && used_ == in_.size();
}

Task<std::string> ClientResponse::Connection::line() {
  std::size_t end = std::string::npos;
  while ((end = in_.find("\r\n", used_)) == std::string::npos) {
    if (in_.size() - used_ > 4096) malformed("chunk");
    co_await more(after(timeouts_.between_bytes));
  }
  std::string text = in_.substr(used_, end - used_);
  used_ = end + 2;
  co_return text;
}

Task<> ClientResponse::Connection::next_chunk() {
  const auto text = co_await line();
  const auto digits = std::string_view(text).substr(0, text.find(';'));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    malformed("chunk");
  }
  if (left_ != 0) co_return;
  while (!(co_await line()).empty()) {  // trailers
  }
  finish();
}

Task<std::size_t> ClientResponse::Connection::read(asio::mutable_buffer into) {
  if (done_ || into.size() == 0) co_return 0;
  if (framing_.chunked && left_ == 0) co_await next_chunk();
  if (done_) co_return 0;
  const std::uint64_t limit = until_close_ ? into.size() : left_;
  const std::size_t wanted = std::min<std::uint64_t>(limit, into.size());
  std::size_t count = 0;
  if (used_ < in_.size()) {
    count = std::min(wanted, in_.size() - used_);
    std::copy_n(in_.data() + used_, count, static_cast<char*>(into.data()));
    used_ += count;
  } else {
    count = co_await transport_->read_some(asio::buffer(into.data(), wanted),
                                           after(timeouts_.between_bytes));
    if (count == 0 && !until_close_) {
      throw Error(Error::Kind::kUpstream, "the Hub ended the answer early");
    }
    if (count == 0) done_ = true;
  }
  if (until_close_) co_return count;
  left_ -= count;
  if (left_ == 0 && framing_.chunked) {
    if (!(co_await line()).empty()) malformed("chunk");
  } else if (left_ == 0) {
    finish();
  }
  co_return count;
}

ClientResponse::ClientResponse() = default;
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

Task<std::size_t> ClientResponse::read(asio::mutable_buffer into) {
  if (!connection_) co_return 0;
  const std::size_t count = co_await connection_->read(into);
  if (count == 0) connection_.reset();
  co_return count;
}

Task<std::string> ClientResponse::read_all(std::size_t limit) {
  std::string body;
  std::array<char, kReadSize> buffer{};
  while (const std::size_t count = co_await read(asio::buffer(buffer))) {
    body.append(buffer.data(), count);
    if (body.size() > limit) {
      throw Error(Error::Kind::kUpstream, "the Hub sent an answer that is too large");
    }
  }
  const auto coding = headers.get("Content-Encoding").value_or("");
  if (same_name(coding, "gzip")) co_return gunzip(body, limit);
  if (!coding.empty() && !same_name(coding, "identity")) malformed("Content-Encoding");
  co_return body;
}

Client::Client(Executor executor, Options options, obs::Log& log)
    : impl_(std::make_shared<Impl>(executor, std::move(options), log)) {}

Client::~Client() { close(); }

void Client::close() { impl_->pools.clear(); }

Task<ClientResponse> Client::send(const Origin& origin, ClientRequest request, Timeouts timeouts) {
  const auto deadline = after(timeouts.connect + timeouts.first_byte);
  co_await impl_->enter(origin, deadline);
  ClientResponse response;
  response.connection_ = std::make_unique<ClientResponse::Connection>(impl_, origin, timeouts);
  auto& connection = *response.connection_;

  const bool in_full = origin.scheme == "http" && !origin.proxy_url.empty();
  std::string message = request.method + " ";
  if (in_full) message += "http://" + authority_of(origin);
  message += request.target + " HTTP/1.1\r\nHost: " + authority_of(origin) + "\r\n";
  message += "User-Agent: " + impl_->options.user_agent + "\r\n";
  if (in_full && !proxy_authorization(origin).empty()) {
    message += "Proxy-Authorization: " + proxy_authorization(origin) + "\r\n";
  }
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers[i];
    message.append(name).append(": ").append(value).append("\r\n");
  }
  if (!request.body.empty()) {
    message += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  message += "\r\n" + request.body;

  const bool head = request.method == "HEAD";
  const bool may_repeat = head || request.method == "GET";
  co_await connection.open(false, after(timeouts.connect));
  bool again = false;
  try {
    co_await connection.exchange(message, head, response);
  } catch (const Error& error) {
    again = may_repeat && connection.reused() && !connection.began_answer() &&
            error.kind() == Error::Kind::kUpstream;
    if (!again) throw;
  }
  if (again) {
    co_await connection.open(true, after(timeouts.connect));
    co_await connection.exchange(message, head, response);
  }
  co_return response;
}

}  // namespace hubcache::http
