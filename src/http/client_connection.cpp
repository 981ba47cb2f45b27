#include "client_connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <openssl/evp.h>

#include "hubcache/http/url.h"

namespace hubcache::http {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr int kMostInterim = 8;

std::string authority_of(const Origin& origin, bool with_port) {
  std::string text =
      origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]";
  const bool usual = origin.port == (origin.scheme == "https" ? 443 : 80);
  if (with_port || !usual) text += ":" + std::to_string(origin.port);
  return text;
}

std::string basic_credentials(const Origin& origin) {
  const std::string plain = origin.proxy_username + ":" + origin.proxy_password;
  std::string coded((plain.size() + 2) / 3 * 4 + 1, '\0');  // and a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(coded.data()),
                                   reinterpret_cast<const unsigned char*>(plain.data()),
                                   static_cast<int>(plain.size()));
  coded.resize(static_cast<std::size_t>(size));
  return "Basic " + coded;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  ((out += name) += ": ") += value;
  out += "\r\n";
}

void append_proxy_credentials(std::string& out, const Origin& origin) {
  if (origin.proxy_username.empty() && origin.proxy_password.empty()) return;
  append_field(out, "Proxy-Authorization", basic_credentials(origin));
}

bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOurs{"Host",           "Connection",
                                                  "Content-Length", "Transfer-Encoding",
                                                  "Keep-Alive",     "Proxy-Authorization"};
  return std::ranges::any_of(kOurs,
                             [name](std::string_view ours) { return same_name(name, ours); });
}

void require_clean_target(std::string_view target) {
  const bool clean = std::ranges::all_of(target, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
  if (!clean || !target.starts_with('/')) {
    throw Error(Error::Kind::kBadRequest, "the path cannot be sent upstream");
  }
}

}  // namespace

std::string wire_of(const Origin& origin, const ClientRequest& request,
                    std::string_view user_agent) {
  require_clean_target(request.target);
  const bool absolute = !origin.proxy_url.empty() && origin.scheme == "http";
  std::string out = request.method + " ";
  if (absolute) out += "http://" + authority_of(origin, false);
  out += request.target + " HTTP/1.1\r\n";
  append_field(out, "Host", authority_of(origin, false));
  if (!request.headers.has("User-Agent")) append_field(out, "User-Agent", user_agent);
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers[i];
    if (!is_ours(name)) append_field(out, name, value);
  }
  if (absolute) append_proxy_credentials(out, origin);
  const bool expects_length =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (expects_length || !request.body.empty()) {
    append_field(out, "Content-Length", std::to_string(request.body.size()));
  }
  append_field(out, "Connection", "keep-alive");
  out += "\r\n";
  out += request.body;
  return out;
}

ClientResponse::Connection::Connection(Executor executor, std::unique_ptr<ClientSlot> slot,
                                       std::size_t max_header_bytes)
    : slot_(std::move(slot)), stream_(executor), max_header_bytes_(max_header_bytes) {}

Task<> ClientResponse::Connection::open(net::TlsContexts& tls, SteadyTime deadline) {
  stream_.set_deadline(deadline);
  const Origin& origin = slot_->origin();
  const bool secure = origin.scheme == "https";
  if (origin.proxy_url.empty()) {
    const auto reach = origin.allow_private ? net::Reach::kPrivate : net::Reach::kPublic;
    co_await stream_.connect(origin.host, origin.port, reach);
  } else {
    // The proxy is the operator's own choice and mostly inside.
    const auto proxy = Url::parse(origin.proxy_url);
    if (!proxy) {
      throw Error(Error::Kind::kUpstream, "the proxy's URL cannot be used",
                  std::string("proxy_url must be http(s)://host:port"));
    }
    co_await stream_.connect(proxy->host, proxy->port, net::Reach::kPrivate);
    if (proxy->scheme == "https") {
      const net::TlsSettings settings{.verify = origin.verify_tls, .ca_cert = origin.ca_cert};
      co_await stream_.start_tls(tls.get(settings), proxy->host, origin.verify_tls);
    }
    if (secure) co_await tunnel();
  }
  if (secure) {
    const net::TlsSettings settings{.verify = origin.verify_tls,
                                    .ca_cert = origin.ca_cert,
                                    .client_cert = origin.client_cert,
                                    .client_key = origin.client_key};
    co_await stream_.start_tls(tls.get(settings), origin.host, origin.verify_tls);
  }
}

Task<> ClientResponse::Connection::tunnel() {
  const std::string to = authority_of(slot_->origin(), true);
  std::string wire = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
  append_proxy_credentials(wire, slot_->origin());
  wire += "\r\n";
  co_await stream_.write(wire);
  const auto head = co_await read_head();
  if (head.status / 100 != 2) {
    throw Error(Error::Kind::kUpstream, "the proxy refused the connection",
                "CONNECT " + to + ": status " + std::to_string(head.status));
  }
  if (!input_.empty()) refuse("the proxy spoke before TLS");
}

Task<AnswerHead> ClientResponse::Connection::exchange(const std::string& wire, bool to_head,
                                                      SteadyTime deadline) {
  heard_ = false;
  keep_alive_ = false;
  stream_.set_deadline(deadline);
  co_await stream_.write(wire);
  auto head = co_await read_head();
  for (int interim = 0; head.status < 200; ++interim) {
    if (head.status == 101 || interim == kMostInterim) refuse("unexpected interim answers");
    head = co_await read_head();
  }
  stream_.set_deadline(SteadyTime::max());
  begin_body(head, to_head);
  co_return head;
}

Task<AnswerHead> ClientResponse::Connection::read_head() {
  while (true) {
    Problem problem = nullptr;
    const auto end = find_head_end(input_.view(), problem);
    if (problem != nullptr) refuse(problem);
    if (end.value_or(input_.view().size()) > max_header_bytes_) refuse("the header is too large");
    if (end) {
      AnswerHead head;
      problem = read_answer_head(input_.view().substr(0, *end), head);
      if (problem != nullptr) refuse(problem);
      input_.consume(*end);
      co_return head;
    }
    co_await fill_buffer("closed before an answer");
  }
}

void ClientResponse::Connection::begin_body(const AnswerHead& head, bool to_head) {
  keep_alive_ = head.keep_alive;
  if (to_head || head.status == 204 || head.status == 304) {
    body_ = Body::kNone;
  } else if (head.framing.chunked) {
    body_ = Body::kChunked;
    chunks_ = {};
  } else if (head.framing.content_length) {
    left_ = *head.framing.content_length;
    body_ = left_ == 0 ? Body::kNone : Body::kLength;
  } else {
    body_ = Body::kUntilClose;
    keep_alive_ = false;
  }
}

Task<std::size_t> ClientResponse::Connection::read_body(asio::mutable_buffer into) {
  if (body_ == Body::kNone || into.size() == 0) co_return 0;
  std::size_t n = 0;
  stream_.set_deadline(steady_clock::now() + between_bytes_);
  if (body_ == Body::kChunked) {
    n = co_await read_chunked(into);
  } else {
    n = co_await read_length(into);
  }
  stream_.set_deadline(SteadyTime::max());
  co_return n;
}

Task<std::size_t> ClientResponse::Connection::read_length(asio::mutable_buffer into) {
  if (body_ == Body::kLength) into = asio::buffer(into, left_);
  std::size_t n = std::min(into.size(), input_.view().size());
  if (n > 0) {
    std::memcpy(into.data(), input_.view().data(), n);
    input_.consume(n);
  } else {
    n = co_await stream_.read_some(into);
  }
  if (body_ == Body::kUntilClose) {
    if (n == 0) body_ = Body::kNone;
    co_return n;
  }
  if (n == 0) refuse("the body was cut short");
  left_ -= n;
  if (left_ == 0) body_ = Body::kNone;
  co_return n;
}

Task<std::size_t> ClientResponse::Connection::read_chunked(asio::mutable_buffer into) {
  auto* const begin = static_cast<char*>(into.data());
  std::size_t n = 0;
  while (true) {
    // No more than fits: what was taken out of the buffer cannot be put back.
    auto bytes = input_.view();
    while (!bytes.empty() && n < into.size()) {
      auto some = bytes.substr(0, into.size() - n);
      const auto offered = some.size();
      const auto piece = chunks_.take(some);
      if (!piece.empty()) std::memcpy(begin + n, piece.data(), piece.size());
      n += piece.size();
      const auto used = offered - some.size();
      bytes.remove_prefix(used);
      input_.consume(used);
      if (chunks_.done() || chunks_.bad()) break;
    }
    if (chunks_.bad()) refuse("the chunks are malformed");
    if (chunks_.done()) body_ = Body::kNone;
    if (chunks_.done() || n > 0) co_return n;
    co_await fill_buffer("the body was cut short");
  }
}

Task<> ClientResponse::Connection::fill_buffer(const char* doing) {
  const auto n = co_await stream_.read_some(input_.room(kReadSize));
  if (n == 0) refuse(doing);
  heard_ = true;
  input_.added(n);
}

void ClientResponse::Connection::refuse(const char* why) {
  keep_alive_ = false;
  stream_.close();
  throw Error(Error::Kind::kUpstream, "upstream sent a bad answer",
              std::string(why) + ", from " + slot_->origin().host);
}

bool ClientResponse::Connection::is_reusable() const {
  return keep_alive_ && body_ == Body::kNone && input_.empty() && stream_.is_quiet();
}

void ClientResponse::Connection::rest() {
  stream_.set_deadline(SteadyTime::max());
  input_.shrink();
}

}  // namespace hubcache::http
