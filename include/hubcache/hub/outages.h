#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "hubcache/base/clock.h"
#include "hubcache/hub/types.h"
#include "hubcache/obs/log.h"

namespace hubcache::hub {

/// Which hubs do not answer at present, so that nobody waits for them again (DESIGN 1.6). Shared by
/// all workers; only the hub's own origin is meant, a CDN has no outages.
///
/// Rights, files, documents and git have outages of their own: stale rights serve while rights
/// cannot be asked for (SECURITY 7), and no file, document or pack that the Hub fails at must bring
/// that about.
class Outages {
  struct Line;

 public:
  enum class Subject : std::uint8_t { kRights, kFiles, kDocuments, kGit };
  struct Options {
    std::chrono::milliseconds retry_after{5'000};  // 0: every call is made
  };
  Outages(Options options, const Clock& clock, obs::Log& log);

  /// One call to the hub, from the decision to make it to what came of it.
  class Call {
   public:
    /// It is made during an outage, to find out whether that has ended: there is no second try.
    bool is_trial() const { return trial_; }
    /// An outage began meanwhile: another try is not worth the wait.
    bool is_lost() const;
    /// The hub answered, whatever it said. Ends an outage.
    void answered();
    /// The hub was not reached, did not answer in time, or something before it said that it is
    /// down, and it is not tried again. An outage, unless the hub answered others meanwhile.
    void failed();

   private:
    friend class Outages;
    Call(Outages& outages, Line& line, bool trial, std::uint64_t answers)
        : outages_(&outages), line_(&line), trial_(trial), answers_(answers) {}
    Outages* outages_;
    Line* line_;
    bool trial_;
    std::uint64_t answers_;  // of the line when the call began
  };

  /// Throws kUpstream during an outage, but for one call in each `retry_after`; and for an endpoint
  /// that is offline.
  Call call(const Endpoint& endpoint, Subject subject);
  /// How many there are at present, by hub and subject.
  std::size_t count();

 private:
  struct Line {
    std::string hub;  // its URL, for the log
    Subject subject{};
    std::uint64_t answers = 0;
    std::optional<SteadyTime> retry_at{};  // while there is an outage
  };

  Options options_;
  const Clock& clock_;
  obs::Log& log_;
  // A mutex, and no home worker: every worker has to see an outage before its next call, and next
  // to a call the lock costs nothing. It guards the lines.
  std::mutex mutex_;
  std::map<std::string, Line> lines_;  // by origin and subject; few, so none is ever dropped
};

/// Throws the error of an endpoint that must not be asked.
void require_online(const Endpoint& endpoint);

}  // namespace hubcache::hub
