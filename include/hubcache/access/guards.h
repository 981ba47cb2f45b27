#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "hubcache/access/accounts.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"
#include "hubcache/http/message.h"
#include "hubcache/registry/registry.h"

namespace hubcache::access {

/// Asks the guard of a distribution, before anything else is looked at (DESIGN 3). Callable from
/// every worker.
class Guards {
 public:
  /// Both outlive this.
  Guards(Accounts& accounts, const Clock& clock) : accounts_(accounts), clock_(clock) {}

  /// Returns when the guard with this id lets the request pass. Throws kForbidden in Pulp's words
  /// when it does not, or is not there (contract/pulp.md 5.5), and kTooManyRequests after too many
  /// failed logins from the client's address.
  Task<> require(std::shared_ptr<const registry::Snapshot> snapshot, std::string guard,
                 const http::Request& request) const;

 private:
  using Refusal = std::optional<std::string>;  // why not; nullopt: the request may pass
  Task<Refusal> ask(const registry::Snapshot& snapshot, const std::string& id,
                    const http::Request& request, int depth) const;
  Task<Refusal> ask_accounts(const registry::Guard& guard, const http::Request& request) const;
  Task<Refusal> ask_each(const registry::Snapshot& snapshot, const registry::Guard& guard,
                         const http::Request& request, int depth) const;
  static Refusal ask_header(const registry::Guard& guard, const http::Request& request);
  Refusal ask_signature(const registry::Guard& guard, const http::Request& request) const;

  Accounts& accounts_;
  const Clock& clock_;
};

/// The query that lets a request of this path pass a content_redirect guard until `expires`
/// (seconds since 1970): "expires=...&validate_token=...".
std::string signed_query(const std::string& secret, const std::string& path, std::int64_t expires);

}  // namespace hubcache::access
