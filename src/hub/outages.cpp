#include "hubcache/hub/outages.h"

#include <algorithm>
#include <string_view>

#include "hubcache/base/error.h"

#include "requests.h"

namespace hubcache::hub {
namespace {

std::string_view name_of(Outages::Subject subject) {
  switch (subject) {
    case Outages::Subject::kRights:
      return "rights";
    case Outages::Subject::kFiles:
      return "files";
    case Outages::Subject::kDocuments:
      return "documents";
    case Outages::Subject::kGit:
      return "git";
  }
  return "documents";
}

}  // namespace

void require_online(const Endpoint& endpoint) {
  if (!endpoint.offline) return;
  throw Error(Error::Kind::kUpstream, "hubcache is offline: it has no copy of this");
}

Outages::Outages(Options options, const Clock& clock, obs::Log& log)
    : options_(options), clock_(clock), log_(log) {}

Outages::Call Outages::call(const Endpoint& endpoint, Subject subject) {
  require_online(endpoint);
  std::string key(name_of(subject));
  (key += '\n') += endpoint.origin_key();
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  auto& line = lines_[key];
  if (line.hub.empty()) {
    line.hub = loggable(endpoint.base);
    line.subject = subject;
  }
  if (line.retry_at && now < *line.retry_at) {
    throw Error(Error::Kind::kUpstream, "The Hub does not answer at present", line.hub);
  }
  const bool trial = line.retry_at.has_value();
  if (trial) line.retry_at = now + options_.retry_after;
  return {*this, line, trial, line.answers};
}

std::size_t Outages::count() {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      lines_, [](const auto& line) { return line.second.retry_at.has_value(); }));
}

bool Outages::Call::is_lost() const {
  const std::lock_guard lock(outages_->mutex_);
  return line_->retry_at.has_value();
}

void Outages::Call::answered() {
  const std::lock_guard lock(outages_->mutex_);
  ++line_->answers;
  if (!line_->retry_at) return;
  line_->retry_at.reset();
  outages_->log_.info("the hub answers again",
                      {{"hub", line_->hub}, {"for", name_of(line_->subject)}});
}

void Outages::Call::failed() {
  if (outages_->options_.retry_after == std::chrono::milliseconds::zero()) return;
  const std::lock_guard lock(outages_->mutex_);
  if (line_->answers != answers_) return;
  const bool begins = !line_->retry_at;
  line_->retry_at = outages_->clock_.steady() + outages_->options_.retry_after;
  if (begins) {
    outages_->log_.warn("the hub does not answer",
                        {{"hub", line_->hub}, {"for", name_of(line_->subject)}});
  }
}

}  // namespace hubcache::hub
