#include "client_pool.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>

namespace hubcache::http {

using std::chrono::steady_clock;

namespace {
// Origins hold credentials, so an operator's edits leave old ones behind.
constexpr std::size_t kManyOrigins = 64;
}  // namespace

ClientSlot::~ClientSlot() {
  if (const auto pool = pool_.lock()) pool->slot_freed(origin_);
}

/// A request in line for a connection. What it was granted and did not take goes to the next.
struct ClientPool::Waiter {
  Waiter(std::shared_ptr<ClientPool> of, Origin to, SteadyTime deadline)
      : pool(std::move(of)), origin(std::move(to)), wake(pool->executor_, deadline) {
    auto& line = pool->buckets_[origin].waiters;
    place = line.insert(line.end(), this);
  }
  ~Waiter() {
    if (!granted) {
      pool->buckets_[origin].waiters.erase(place);
    } else if (slot) {
      pool->slot_freed(origin);
    }
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void grant() {
    granted = true;
    wake.cancel();
  }

  std::shared_ptr<ClientPool> pool;
  Origin origin;
  Timer wake;
  std::list<Waiter*>::iterator place;
  bool granted = false;
  bool slot = false;                       // granted: the right to a new connection
  std::unique_ptr<Connection> connection;  // granted: this one
};

ClientPool::ClientPool(Executor executor, Client::Options options)
    : executor_(executor), options_(std::move(options)), sweeper_(executor) {}

Task<std::unique_ptr<ClientPool::Connection>> ClientPool::take(Origin origin, SteadyTime deadline,
                                                               bool fresh) {
  const auto self = shared_from_this();
  if (buckets_.size() >= kManyOrigins) forget_unused();
  Bucket& bucket = buckets_[origin];
  if (fresh) {
    const auto stale = std::exchange(bucket.idle, {});
  } else if (auto idle = take_idle(bucket)) {
    co_return idle;
  }
  if (bucket.open < options_.connections_per_origin && bucket.waiters.empty()) {
    ++bucket.open;
    co_return make(std::move(origin));
  }
  Waiter waiter(self, origin, deadline);
  boost::system::error_code woken;
  co_await waiter.wake.async_wait(asio::redirect_error(use_task, woken));
  if (!waiter.granted) {
    if (woken) throw Error(Error::Kind::kCancelled, "the request was cancelled");
    throw Error(Error::Kind::kUpstreamTimeout, "upstream is busy",
                "all connections in use to " + origin.host);
  }
  if (waiter.connection) co_return std::move(waiter.connection);
  waiter.slot = false;
  co_return make(std::move(origin));
}

std::unique_ptr<ClientPool::Connection> ClientPool::take_idle(Bucket& bucket) {
  const auto oldest = steady_clock::now() - options_.idle_timeout;
  while (!bucket.idle.empty()) {
    Idle last = std::move(bucket.idle.back());
    bucket.idle.pop_back();
    if (last.since > oldest && last.connection->is_reusable()) return std::move(last.connection);
  }
  return nullptr;
}

std::unique_ptr<ClientPool::Connection> ClientPool::make(Origin origin) {
  auto slot = std::make_unique<ClientSlot>(weak_from_this(), std::move(origin));
  return std::make_unique<Connection>(executor_, std::move(slot), options_.max_header_bytes);
}

void ClientPool::give_back(std::unique_ptr<Connection> connection) {
  if (!connection->is_reusable()) return;
  connection->rest();
  Bucket& bucket = buckets_[connection->origin()];
  if (!bucket.waiters.empty()) {
    Waiter* const first = bucket.waiters.front();
    bucket.waiters.pop_front();
    first->connection = std::move(connection);
    first->grant();
  } else if (bucket.idle.size() < options_.idle_per_origin) {
    bucket.idle.push_back({std::move(connection), steady_clock::now()});
    sweep_later();
  }
}

void ClientPool::slot_freed(const Origin& origin) {
  const auto found = buckets_.find(origin);
  if (found == buckets_.end()) return;
  Bucket& bucket = found->second;
  if (bucket.waiters.empty()) {
    --bucket.open;
    return;
  }
  Waiter* const first = bucket.waiters.front();
  bucket.waiters.pop_front();
  first->slot = true;
  first->grant();
}

void ClientPool::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  sweeper_.expires_after(options_.idle_timeout);
  sweeper_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (self && !cancelled) self->sweep();
  });
}

void ClientPool::sweep() {
  sweeping_ = false;
  const auto oldest = steady_clock::now() - options_.idle_timeout;
  std::vector<Idle> stale;  // let go of after the walk: that changes the buckets
  bool more = false;
  for (auto& [origin, bucket] : buckets_) {
    while (!bucket.idle.empty() && bucket.idle.front().since <= oldest) {
      stale.push_back(std::move(bucket.idle.front()));
      bucket.idle.pop_front();
    }
    more = more || !bucket.idle.empty();
  }
  if (more) sweep_later();
}

void ClientPool::forget_unused() {
  std::erase_if(buckets_, [](const auto& entry) {
    return entry.second.open == 0 && entry.second.waiters.empty();
  });
}

void ClientPool::close_idle() {
  std::vector<std::deque<Idle>> stale;
  stale.reserve(buckets_.size());
  for (auto& [origin, bucket] : buckets_) stale.push_back(std::exchange(bucket.idle, {}));
  sweeper_.cancel();
  sweeping_ = false;
}

}  // namespace hubcache::http
