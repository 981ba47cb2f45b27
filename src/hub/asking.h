#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/hub.h"
#include "hubcache/hub/outages.h"
#include "hubcache/hub/types.h"

#include "sending.h"

namespace hubcache::hub {

/// A request to the hub's own origin.
struct Question {
  std::string method = "GET";
  std::string target;  // below the base URL, with its query
  std::string form{};  // the body; application/x-www-form-urlencoded unless `headers` say other
  http::Headers headers{};  // beside those that every request has
  RepoId repo{};            // the repo it is about
  Outages::Subject subject = Outages::Subject::kDocuments;
  Patience patience = Patience::kWait;
  std::string accept_encoding = "identity";
  std::string range;                      // of Range; empty: none
  std::optional<std::size_t> body_limit;  // nullopt: the body stays on the wire
  std::shared_ptr<MemoryRoom> room{};     // has to have room for the body; null: none is asked
  /// How long the hub may be silent before it answers, and in between; nullopt: the usual times.
  /// The rest of the endpoint's total_timeout, if it has one, holds for it all the same.
  std::optional<std::chrono::milliseconds> silence{};
};

/// What the hub's own origin said.
struct Reply {
  int status = 0;
  http::Headers headers;
  std::optional<std::uint64_t> content_length;
  std::string body;
  MemoryRoom::Share share;                   // that the body has of Question::room
  std::optional<http::ClientResponse> wire;  // of a question without a limit: brings the body
  http::Url url;                             // that was asked last
  RepoId canonical;                          // the repo that URL is of
  std::vector<http::Headers> hops;           // of the redirects that were followed, in order
  /// Where a redirect leads that was not followed: another origin, or no repo of this hub.
  std::optional<http::Url> elsewhere;
  std::string refused;  // why a redirect was not even resolved; empty: it was

  /// The field as the first of hops and answer that has it says it; or "".
  std::string first_of(std::string_view name) const;
};

/// Asks the hub's own origin: with the credential's right, following the redirects that stay within
/// it and name a repo, and again after connect failures, 5xx and 429, within the endpoint's
/// max_retries and kQuestionTime in all (the last try may have a longer silence); not at all while
/// the hub is known not to answer, or wants to be left alone for longer than the question's
/// patience. Lives in the coroutine that asks, on one worker.
class Asker {
 public:
  /// All must outlive this.
  Asker(const Means& means, const Endpoint& endpoint, const Credential& credential);

  /// Any answer below 500 but 429 is a value, and so is 501. Throws kUpstream, kUpstreamTimeout,
  /// kTooManyRequests.
  Task<Reply> ask(Question question);

  /// Time left of the budget; all questions of one Asker share it. Never above the endpoint's own.
  http::Timeouts timeouts() const;

 private:
  Task<Reply> ask_once(const Question& question);
  Task<bool> follow(const Question& question, Reply& reply);

  Means means_;
  const Endpoint& endpoint_;
  const Credential& credential_;
  SteadyTime deadline_;
  bool heard_ = false;  // the try under way has brought headers
};

/// The redirects within one question or download (SECURITY 17).
inline constexpr std::size_t kMaxHops = 5;
inline constexpr std::size_t kMaxRedirectBody = 64UL * 1024;

}  // namespace hubcache::hub
