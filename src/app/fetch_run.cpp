#include "hubcache/app/fetch_run.h"

#include <algorithm>
#include <condition_variable>
#include <set>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kTick{200};
constexpr int kMostTries = 3;  // of a file, while the hub has trouble
constexpr std::chrono::seconds kBetweenTries{1};
constexpr std::uint64_t kMostFailures = 20;  // then something is wrong that does not pass

int exit_code_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kUnauthorized:
    case Error::Kind::kForbidden:
    case Error::Kind::kNotFound:
      return kRefused;
    case Error::Kind::kUpstream:
    case Error::Kind::kUpstreamTimeout:
    case Error::Kind::kTooManyRequests:
    case Error::Kind::kUnavailable:
      return kUnreachable;
    case Error::Kind::kBadRequest:
      return 2;
    default:
      return kFailed;
  }
}

/// The hub may do it the next time.
bool may_pass(Error::Kind kind) {
  return exit_code_of(kind) == kUnreachable && kind != Error::Kind::kUnavailable;
}

/// False when it is to stop meanwhile.
bool pause(const std::stop_token& stop, milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

/// What came of an order. Only this run cancels its own; what else breaks off is the hub's trouble.
Error failure_of(const std::exception& failure, const std::stop_token& stop) {
  auto error = Error::from(failure);
  if (error.kind() != Error::Kind::kCancelled || stop.stop_requested()) return error;
  return {Error::Kind::kUpstream, error.what()};
}

}  // namespace

Interrupts::Interrupts() {
  sigemptyset(&set_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, number);
  pthread_sigmask(SIG_BLOCK, &set_, &before_);
}

Interrupts::~Interrupts() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

// A second signal ends the process, which may be done at any moment.
bool Interrupts::wait(milliseconds time) {
  if (came_) return true;
  const timespec left{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
  came_ = ::sigtimedwait(&set_, nullptr, &left) > 0;
  if (came_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  return came_;
}

FetchRun::FetchRun(Order order, Options options, std::vector<FetchTarget> targets,
                   FileFilter filter, FetchReport& report)
    : order_(std::move(order)),
      options_(std::move(options)),
      targets_(std::move(targets)),
      filter_(std::move(filter)),
      report_(report),
      began_(std::chrono::steady_clock::now()),
      slots_(options_.jobs) {
  totals_.dry_run = options_.dry_run;
}

int FetchRun::run(Interrupts& interrupts) {
  std::jthread worker([this](const std::stop_token& stop) {
    work(stop);
    const std::lock_guard lock(mutex_);
    ended_ = true;
  });
  // A server that hangs keeps no signal from being heeded.
  std::jthread looker([this](const std::stop_token& stop) {
    while (pause(stop, kTick)) look(stop);
  });
  while (!interrupts.wait(kTick)) {
    show(std::chrono::steady_clock::now());
    const std::lock_guard lock(mutex_);
    if (ended_) break;
  }
  const bool interrupted = interrupts.wait(milliseconds(0));
  worker.request_stop();
  looker.request_stop();
  worker.join();
  looker.join();
  const auto now = std::chrono::steady_clock::now();
  if (interrupted && next_ < files_.size()) totals_.interrupted = true;
  if (interrupted && files_.empty()) totals_.interrupted = true;
  if (totals_.interrupted) totals_.exit_code = kInterrupted;
  show(now);
  report_.end(totals_now(now));
  return totals_.exit_code;
}

void FetchRun::work(const std::stop_token& stop) {
  for (const auto& target : targets_) {
    if (goes_on(stop)) plan(target, stop);
  }
  if (!goes_on(stop)) return;
  require_room();
  if (options_.dry_run) return;
  // What is here is pinned before anything is evicted.
  std::ranges::sort(files_, {}, [](const File& file) {
    return std::tuple<bool, std::size_t, std::string_view>(!file.stored, file.repo, file.path);
  });
  std::vector<std::jthread> threads;
  threads.reserve(slots_.size());
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    threads.emplace_back([this, slot, stop] { fetch_files(slot, stop); });
  }
}

bool FetchRun::goes_on(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  return !gave_up_ && !stop.stop_requested();
}

void FetchRun::plan(const FetchTarget& target, const std::stop_token& stop) {
  Json command{{"do", "fetch.plan"},
               {"distribution", options_.distribution},
               {"type", hub::name_of(target.repo.type)},
               {"repo", target.repo.name},
               {"revision", target.revision}};
  if (!options_.token.empty()) command["token"] = options_.token;
  try {
    take_plan(target, order_(command, stop));
  } catch (const std::exception& failure) {
    const auto error = failure_of(failure, stop);
    if (error.kind() != Error::Kind::kCancelled) fail(target.text(), error);
  }
}

void FetchRun::take_plan(const FetchTarget& target, const Json& plan) {
  Repo repo{};
  repo.target = target;
  repo.target.repo.name = plan.at("repo").get<std::string>();
  repo.commit = plan.at("commit").get<std::string>();
  repo.max_size = plan.at("max_size").get<std::uint64_t>();
  std::set<std::string> seen;
  const std::lock_guard lock(mutex_);
  const auto first = files_.size();
  for (const auto& item : plan.at("files")) {
    File file{};
    file.path = item.at("path").get<std::string>();
    if (!filter_.takes(file.path)) continue;
    file.digest = item.at("digest").get<std::string>();
    file.size = item.at("size").get<std::uint64_t>();
    file.stored = item.at("stored").get<bool>();
    file.repo = repos_.size();
    file.counts = seen.insert(file.digest).second ? file.size : 0;
    repo.files += 1;
    repo.bytes += file.counts;
    repo.stored_files += file.stored ? 1 : 0;
    repo.stored_bytes += file.stored ? file.counts : 0;
    files_.push_back(std::move(file));
  }
  if (repo.files == 0 && !filter_.takes_all()) {
    throw Error(Error::Kind::kNotFound, "none of its " + std::to_string(plan.at("files").size()) +
                                            " files is meant by --include and --exclude");
  }
  totals_.files += repo.files;
  totals_.bytes += repo.bytes;
  totals_.bytes_done += repo.stored_bytes;
  totals_.stored_files += repo.stored_files;
  totals_.stored_bytes += repo.stored_bytes;
  repos_.push_back(std::move(repo));
  events_.emplace_back([repo = repos_.back()](FetchReport& report) { report.planned(repo); });
  for (std::size_t i = first; options_.dry_run && i < files_.size(); ++i) {
    const auto outcome = files_[i].stored ? Outcome::kStored : Outcome::kMissing;
    events_.emplace_back([repo = repos_.back(), file = files_[i], outcome](FetchReport& report) {
      report.file(repo, file, outcome, nullptr);
    });
  }
}

/// Else the last ones would drive out the first.
void FetchRun::require_room() {
  if (repos_.empty()) return;
  const auto most = repos_.front().max_size;
  if (most == 0 || totals_.bytes <= most) return;
  fail("", Error(Error::Kind::kNoSpace, "these files have " + size_text(totals_.bytes) +
                                            ", and the cache may have " + size_text(most) +
                                            ": raise [storage] max_size, or leave some out"));
  const std::lock_guard lock(mutex_);
  gave_up_ = true;
}

void FetchRun::fetch_files(std::size_t slot, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto* file = next_file(slot);
    if (file == nullptr) return;
    std::optional<Error> failure;
    for (int i = 0; i < kMostTries; ++i) {
      failure = try_once(*file, stop);
      if (!failure || !may_pass(failure->kind()) || !pause(stop, kBetweenTries)) break;
    }
    settle(slot, failure);
  }
}

const FetchRun::File* FetchRun::next_file(std::size_t slot) {
  const std::lock_guard lock(mutex_);
  if (gave_up_ || next_ == files_.size()) return nullptr;
  const auto* file = &files_[next_++];
  slots_[slot] = {.file = file, .done = file->stored ? file->counts : 0};
  return file;
}

std::optional<Error> FetchRun::try_once(const File& file, const std::stop_token& stop) {
  const auto& repo = repos_[file.repo];
  Json command{{"do", "fetch.file"},
               {"distribution", options_.distribution},
               {"type", hub::name_of(repo.target.repo.type)},
               {"repo", repo.target.repo.name},
               {"revision", repo.commit},
               {"path", file.path},
               {"digest", file.digest},
               {"size", file.size},
               {"pin", options_.pin}};
  if (!options_.token.empty()) command["token"] = options_.token;
  try {
    order_(command, stop);
  } catch (const std::exception& failure) {
    return failure_of(failure, stop);
  }
  return std::nullopt;
}

void FetchRun::settle(std::size_t slot, const std::optional<Error>& failure) {
  const std::lock_guard lock(mutex_);
  const auto done = std::exchange(slots_[slot], {});
  const auto& file = *done.file;
  if (failure) moved_ += done.done - done.began.value_or(done.done);
  if (failure && failure->kind() == Error::Kind::kCancelled) {
    --next_;  // it is not done
    return;
  }
  auto outcome = file.stored ? Outcome::kStored : Outcome::kFetched;
  if (failure) {
    outcome = Outcome::kFailed;
    note_failure(*failure);
    ++totals_.failed_files;
  } else {
    ++totals_.files_done;
  }
  if (outcome == Outcome::kFetched) {
    ++totals_.fetched_files;
    totals_.fetched_bytes += file.counts;
    totals_.bytes_done += file.counts;
    moved_ += file.counts - std::min(file.counts, done.began.value_or(0));
  }
  events_.emplace_back([repo = repos_[file.repo], file, outcome, failure](FetchReport& report) {
    report.file(repo, file, outcome, failure ? &*failure : nullptr);
  });
}

void FetchRun::fail(const std::string& what, const Error& error) {
  const std::lock_guard lock(mutex_);
  note_failure(error);
  events_.emplace_back([what, error](FetchReport& report) { report.failed(what, error); });
}

void FetchRun::note_failure(const Error& error) {
  const int code = exit_code_of(error.kind());
  const bool same = totals_.exit_code == 0 || totals_.exit_code == code;
  totals_.exit_code = same ? code : kFailed;
  // Without a server, or with this much trouble, no other file will do better.
  const bool hopeless = error.kind() == Error::Kind::kUnavailable;
  gave_up_ = gave_up_ || hopeless || totals_.failed_files + 1 >= kMostFailures;
}

/// Asks how far the running files are.
void FetchRun::look(const std::stop_token& stop) {
  const auto now = std::chrono::steady_clock::now();
  Json digests = Json::array();
  std::vector<const File*> asked;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) {
      if (slot.file == nullptr || slot.file->counts == 0 || slot.file->stored) continue;
      asked.push_back(slot.file);
      digests.push_back(slot.file->digest);
    }
  }
  if (asked.empty()) return;
  Json present;
  try {
    present = order_({{"do", "fetch.present"},
                      {"distribution", options_.distribution},
                      {"digests", digests}},
                     stop)
                  .at("present");
  } catch (const std::exception&) {
    return;  // whoever fetches them is told too
  }
  const std::lock_guard lock(mutex_);
  for (auto& slot : slots_) {
    const auto found = std::ranges::find(asked, slot.file);
    if (slot.file == nullptr || found == asked.end()) continue;
    const auto& bytes = present.at(static_cast<std::size_t>(found - asked.begin()));
    if (!bytes.is_number()) continue;
    slot.done = std::max(slot.done, std::min(bytes.get<std::uint64_t>(), slot.file->counts));
    if (!slot.began) slot.began = slot.done;
    slot.rate.note(now, slot.done);
  }
}

void FetchRun::show(SteadyTime now) {
  std::vector<std::function<void(FetchReport&)>> events;
  std::vector<Bar> bars;
  {
    const std::lock_guard lock(mutex_);
    events.swap(events_);
    for (const auto& slot : slots_) {
      if (slot.file == nullptr) continue;
      bars.push_back({.label = slot.file->path,
                      .done = slot.file->stored ? slot.file->size : slot.done,
                      .size = slot.file->size,
                      .rate = slot.rate.per_second()});
    }
  }
  for (const auto& event : events) event(report_);
  report_.progress(bars, totals_now(now));
}

FetchTotals FetchRun::totals_now(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  auto totals = totals_;
  auto moved = moved_;
  for (const auto& slot : slots_) {
    if (slot.file == nullptr || slot.file->stored) continue;
    totals.bytes_done += slot.done;
    moved += slot.done - slot.began.value_or(slot.done);
  }
  rate_.note(now, moved);
  totals.rate = rate_.per_second();
  totals.time = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
  return totals;
}

}  // namespace hubcache::app
