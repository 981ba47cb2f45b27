#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "hubcache/base/clock.h"
#include "hubcache/base/lru.h"

namespace hubcache::access {

/// What each client may have fetched from the Hub (SECURITY 19): so many misses and bytes an hour.
/// What a client did not use adds up to an hour's worth; what it uses beyond that it has to wait
/// for. One whole file is never too much for who has anything left.
///
/// Clients are told apart by address (by /64 in IPv6). Hits cost nothing. Callable from any thread.
class Budgets {
 public:
  struct Options {
    std::uint64_t misses = 200'000;  // an hour; 0: no limit
    std::uint64_t bytes = 0;         // an hour; 0: no limit
    std::size_t remembered = 10'000;
  };
  Budgets(Options options, const Clock& clock);

  /// Before anything is fetched for a client. Throws kTooManyRequests, with the time until there is
  /// something left. Nobody's address is empty, and has no limit.
  void require(const std::string& address);
  /// One miss, and the bytes it fetches.
  void charge(const std::string& address, std::uint64_t bytes);
  /// Takes such a charge back: nothing came.
  void refund(const std::string& address, std::uint64_t bytes);
  /// Both, for a question to the Hub.
  void take_question(const std::string& address) {
    require(address);
    charge(address, 0);
  }

 private:
  struct Account {
    double misses = 0;
    double bytes = 0;
    SteadyTime at;
  };
  bool is_limited(const std::string& address) const;
  Account& refilled(const std::string& address);

  Options options_;
  const Clock& clock_;
  std::mutex mutex_;
  Lru<Account> accounts_;
};

}  // namespace hubcache::access
