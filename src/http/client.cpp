#include "hubcache/http/client.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "hubcache/net/address.h"

#include "client_connection.h"
#include "client_pool.h"
#include "gzip.h"

namespace hubcache::http {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kReadAllStep = 64 * 1024;

/// Where the public Hub keeps its bytes.
constexpr std::array<std::string_view, 2> kHubDomains{".hf.co", ".huggingface.co"};

// A proxy resolves names for us, and may reach what is inside: it is asked for the hub, for what
// the remote allows, and for what is the public Hub's. An address that is written out we can judge.
void require_allowed(const Origin& origin) {
  boost::system::error_code no_literal;
  const auto address = asio::ip::make_address(origin.host, no_literal);
  const auto is_in = [&origin](std::string_view domain) { return origin.host.ends_with(domain); };
  const bool by_name =
      origin.proxy_url.empty() || origin.allow_private || std::ranges::any_of(kHubDomains, is_in);
  if (no_literal ? by_name : net::may_connect(address, origin.allow_private)) return;
  throw Error(Error::Kind::kUpstream, "upstream's address is not allowed",
              "forbidden address of " + origin.host);
}

}  // namespace

struct Client::Impl {
  Impl(Executor executor, Options given, obs::Log& lines)
      : options(std::move(given)),
        log(lines),
        pool(std::make_shared<ClientPool>(executor, options)) {}

  const Options options;
  obs::Log& log;
  net::TlsContexts tls;
  std::shared_ptr<ClientPool> pool;
};

ClientResponse::ClientResponse() = default;
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

Task<std::size_t> ClientResponse::read(asio::mutable_buffer into) {
  if (!connection_) co_return 0;
  const auto n = co_await connection_->read_body(into);
  if (const auto pool = connection_->pool()) pool->received().add(n);
  if (connection_->body_ended()) {
    auto connection = std::move(connection_);
    if (const auto pool = connection->pool()) pool->give_back(std::move(connection));
  }
  co_return n;
}

Task<std::string> ClientResponse::read_all(std::size_t limit, MemoryRoom::Share* share) {
  const auto require_room = [share](std::size_t size) {
    if (share == nullptr || share->grow_to(size)) return;
    throw Error(Error::Kind::kUnavailable, "too many large answers of upstream at a time");
  };
  std::string body;
  while (true) {
    const auto done = body.size();
    body.resize(done + kReadAllStep);
    const auto n = co_await read(asio::buffer(body.data() + done, kReadAllStep));
    body.resize(done + n);
    if (body.size() > limit) {
      connection_.reset();
      throw Error(Error::Kind::kUpstream, "upstream sent a bad answer",
                  std::string("the body is too large"));
    }
    require_room(body.size());
    if (n == 0) break;
  }
  const auto encoding = headers.get("Content-Encoding").value_or("identity");
  if (body.empty() || same_name(encoding, "identity")) co_return body;
  if (same_name(encoding, "gzip") || same_name(encoding, "x-gzip")) {
    auto text = gunzip(body, limit);
    require_room(text.size());
    co_return text;
  }
  throw Error(Error::Kind::kUpstream, "upstream sent a bad answer",
              "unknown Content-Encoding " + std::string(encoding));
}

Client::Client(Executor executor, Options options, obs::Log& log)
    : impl_(std::make_shared<Impl>(executor, std::move(options), log)) {}

Client::~Client() { impl_->pool->close_idle(); }

void Client::close() { impl_->pool->close_idle(); }

std::uint64_t Client::received() const noexcept { return impl_->pool->received().value(); }

Task<ClientResponse> Client::send(const Origin& origin, ClientRequest request, Timeouts timeouts) {
  const auto impl = impl_;
  const auto started = steady_clock::now();
  const auto total = timeouts.total.count() > 0 ? started + timeouts.total : SteadyTime::max();
  const auto within = [total](std::chrono::milliseconds time) {
    return std::min(steady_clock::now() + time, total);
  };
  const auto acquired = timeouts.acquire.count() > 0 ? within(timeouts.acquire) : SteadyTime::max();
  const Origin via = impl->options.proxies.route(origin);
  require_allowed(via);
  const bool to_head = request.method == "HEAD";
  const bool repeatable = to_head || request.method == "GET";
  const std::string wire = wire_of(via, request, impl->options.user_agent);

  for (bool fresh = false;; fresh = true) {
    auto connection =
        co_await impl->pool->take(via, std::min(within(timeouts.first_byte), acquired), fresh);
    const bool reused = connection->is_open();
    if (!reused) {
      co_await connection->open(impl->tls, std::min(within(timeouts.connect), acquired));
    }

    AnswerHead head;
    std::optional<Error> failure;
    try {
      head = co_await connection->exchange(wire, to_head, within(timeouts.first_byte));
    } catch (const Error& error) {
      failure = error;
    }
    if (failure) {
      const bool was_dead =
          reused && !fresh && !connection->heard() && failure->kind() == Error::Kind::kUpstream;
      if (!was_dead || !repeatable) throw *failure;
      impl->log.debug("connection_replaced", {{"host", origin.host}});
      continue;
    }
    connection->set_between_bytes(timeouts.between_bytes);
    ClientResponse response;
    response.status = head.status;
    response.headers = std::move(head.headers);
    response.content_length = head.framing.content_length;
    if (connection->body_ended()) {
      impl->pool->give_back(std::move(connection));
    } else {
      response.connection_ = std::move(connection);
    }
    co_return response;
  }
}

}  // namespace hubcache::http
