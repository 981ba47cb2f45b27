#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/base/lru.h"
#include "hubcache/hub/outages.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// What a 429 says of one of the Hub's limits (contract/hub.md 3.4).
struct Quota {
  std::chrono::seconds wait{};  // until it is worth asking again
  std::string name{};           // as the Hub calls it: "api", "resolvers"; empty: it does not
  std::string policy{};         // ratelimit-policy as it was sent, or empty
};

/// What is left of one of the Hub's limits, as its answers say.
struct Budget {
  static constexpr std::array<std::string_view, 3> kLimits{"api", "resolvers", "pages"};
  static constexpr std::string_view kOther = "other";
  std::string_view limit{};              // one of kLimits, or kOther
  std::uint64_t left = 0;                // requests
  std::chrono::seconds window{};         // until there are more
  std::string_view whose = "anonymous";  // or "remote": by its token
};

/// How often hubs may be asked: as they say themselves, by 429, and as the remote's rate_limit
/// says. Shared by all workers, and callable from any.
///
/// The Hub counts by credential, files ("resolvers") apart from all else ("api"). What it counts
/// anonymously, or for one token, is the same for all remotes that lead to it.
class RateLimits {
 public:
  /// A window that ends within this time is waited for, by those who have nothing better; it leaves
  /// time for the answer in the 8 s of DESIGN 1.6.
  static constexpr std::chrono::milliseconds kShortWait{3'000};

  struct Options {
    /// The rate_limit of a remote, by its id, as it is now: requests a second; 0: none.
    std::function<int(std::string_view remote)> rate_of{};
    std::size_t remembered = 10'000;  // windows
  };
  RateLimits(Options options, const Clock& clock);

  /// The hub has answered 429: it is not to be asked with this credential, for what it counts
  /// together with `subject`, until the window ends. Returns the error for the one who asked.
  Error close(const Endpoint& endpoint, const Credential& credential, Outages::Subject subject,
              const Quota& quota);
  /// How long until such a window ends; 0 when there is none. Throws kTooManyRequests when that is
  /// longer than `most`.
  std::chrono::milliseconds wait_open(const Endpoint& endpoint, const Credential& credential,
                                      Outages::Subject subject, std::chrono::milliseconds most);
  /// Takes the next turn of the endpoint's remote, and returns how long it is until then. Throws
  /// kTooManyRequests, and takes none, when that is longer than `most`.
  std::chrono::milliseconds take_turn(const Endpoint& endpoint, std::chrono::milliseconds most);

  /// An answer told of a budget. What callers have with tokens of their own is kept for nobody.
  void heard(const Credential& credential, std::optional<Budget> budget);
  /// The last word on each budget whose window has not ended.
  std::vector<Budget> budgets();

 private:
  struct Window {
    SteadyTime until;
    Quota quota;
  };

  Options options_;
  const Clock& clock_;
  // A mutex, and no home worker: every worker has to see a window before its next request, and next
  // to a request the lock costs nothing. It guards what follows.
  std::mutex mutex_;
  Lru<Window> windows_;
  std::map<std::pair<std::string_view, std::string_view>, std::pair<Budget, SteadyTime>> budgets_;
  std::map<std::string, SteadyTime, std::less<>> turns_;  // the next one of each limited remote
};

/// The error that stands for a limit: clients are told when to come again.
Error too_many(const std::string& message, const Quota& quota);

}  // namespace hubcache::hub
