#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <memory>

#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"
#include "hubcache/http/client.h"
#include "hubcache/obs/counts.h"

#include "client_connection.h"

namespace hubcache::http {

/// The connections of one worker to all its origins.
class ClientPool : public std::enable_shared_from_this<ClientPool> {
 public:
  using Connection = ClientResponse::Connection;

  ClientPool(Executor executor, Client::Options options);

  /// An idle connection, or one that is not open yet. At the limit of its origin this waits in
  /// line; throws kUpstreamTimeout at the deadline. `fresh`: none that was used before.
  Task<std::unique_ptr<Connection>> take(Origin origin, SteadyTime deadline, bool fresh);
  /// Keeps the connection for the next request, if it is fit for one.
  void give_back(std::unique_ptr<Connection> connection);
  /// A connection of this origin has gone.
  void slot_freed(const Origin& origin);
  void close_idle();
  /// Bytes of bodies that were read.
  obs::Counter& received() noexcept { return received_; }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    SteadyTime since;
  };
  struct Bucket;
  struct Waiter;
  struct Bucket {
    std::deque<Idle> idle;  // the longest idle first
    std::size_t open = 0;   // connections there are or may be, the idle ones too
    std::list<Waiter*> waiters;
  };

  std::unique_ptr<Connection> take_idle(Bucket& bucket);
  std::unique_ptr<Connection> make(Origin origin);
  void sweep_later();
  void sweep();
  void forget_unused();

  Executor executor_;
  const Client::Options options_;
  std::map<Origin, Bucket> buckets_;
  Timer sweeper_;
  bool sweeping_ = false;
  obs::Counter received_;
};

}  // namespace hubcache::http
