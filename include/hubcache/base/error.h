#pragma once

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hubcache {

/// The one exception type. `what()` is for people and may be shown to a client; `context()` is for
/// the log only. Thrown for what is exceptional; what clients ask for all day (an absent file, an
/// unknown digest) is a value.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    kBadRequest,          // the request cannot be understood
    kUnauthorized,        // credentials are missing or wrong
    kForbidden,           // credentials do not suffice
    kNotFound,            // there is no such thing
    kMethodNotAllowed,    //
    kNotAcceptable,       //
    kConflict,            //
    kPreconditionFailed,  //
    kPayloadTooLarge,     //
    kUriTooLong,          //
    kUnsupportedMedia,    //
    kHeadersTooLarge,     //
    kMisdirected,         // a Host we do not answer for
    kTooManyRequests,     // a budget is used up, ours or upstream's
    kLoop,                // the request came from ourselves
    kRequestTimeout,      // the client was too slow
    kUpstream,            // the Hub failed or could not be reached
    kUpstreamTimeout,     // the Hub did not answer in time
    kUnavailable,         // try again later: shutting down, queue full, bad resume
    kCorrupt,             // bytes are not what their digest says
    kNoSpace,             // the disk, or our share of it, is full
    kIo,                  // the disk failed
    kCancelled,           // the work was stopped
    kInternal,            // a bug
  };

  /// What a Hub client is told in headers (contract/hub.md 3.4); empty where it does not apply.
  struct HubDetail {
    std::string code{};                  // X-Error-Code
    std::string message{};               // X-Error-Message
    int status = 0;                      // the Hub's own status, when it is relayed; 0: by kind
    std::string commit{};                // X-Repo-Commit, when the Hub named one
    std::chrono::seconds retry_after{};  // Retry-After; 0: not known
    std::string quota{};         // of 429: what the Hub calls the limit, "api" or "resolvers"
    std::string quota_policy{};  // of 429: ratelimit-policy
  };

  Error(Kind kind, const std::string& message, std::string context = {})
      : std::runtime_error(message), kind_(kind), context_(std::move(context)) {}
  Error(Kind kind, const std::string& message, HubDetail detail)
      : std::runtime_error(message), kind_(kind), detail_(std::move(detail)) {}

  Kind kind() const noexcept { return kind_; }
  const std::string& context() const noexcept { return context_; }
  const HubDetail& hub() const noexcept { return detail_; }

  /// Any exception as an Error; what is not one already becomes kInternal, its text the context.
  static Error from(const std::exception& failure);
  static Error from(std::exception_ptr failure);

  /// From errno, with what was being done: kNoSpace for ENOSPC and EDQUOT, else kIo.
  static Error from_errno(int code, std::string_view doing);

 private:
  Kind kind_;
  std::string context_;
  HubDetail detail_;
};

/// Is it the disk that is full or fails? What was asked for may be had without it.
constexpr bool is_of_disk(Error::Kind kind) {
  return kind == Error::Kind::kNoSpace || kind == Error::Kind::kIo;
}

/// The kind's name as the log spells it, "bad_request".
std::string_view name_of(Error::Kind kind);

}  // namespace hubcache
