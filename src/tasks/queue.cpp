#include "hubcache/tasks/queue.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::tasks {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kShared = "shared:";

std::int64_t micros(WallTime time) {
  return std::chrono::microseconds(time.time_since_epoch()).count();
}

/// May not both run: one of them wants for itself what the other wants too.
bool are_rivals(const Record& one, const Record& other) {
  const auto wants = [](const Record& record, std::string_view lock) {
    return std::ranges::find(record.locks, lock) != record.locks.end();
  };
  return std::ranges::any_of(one.locks, [&](std::string_view lock) {
    if (lock.starts_with(kShared)) return wants(other, lock.substr(kShared.size()));
    return wants(other, lock) || wants(other, std::string(kShared).append(lock));
  });
}

/// Why it ended, as Pulp's clients read it.
std::string failure_text(const std::string& description) {
  return Json{{"traceback", nullptr}, {"description", description}}.dump();
}
std::string reason_text(const std::string& reason) { return Json{{"reason", reason}}.dump(); }

void end(Record& record, State state, std::int64_t now) {
  record.state = state;
  record.finished = record.updated = now;
  for (auto& report : record.reports) {
    if (!is_final(report.state)) report.state = state;
  }
}

void wait_again(Record& record, std::int64_t now) {
  record.state = State::kWaiting;
  record.started = std::nullopt;
  record.updated = now;
  record.reports.clear();
}

}  // namespace

struct Queue::Running final : Run {
  Running(std::shared_ptr<Impl> in, Record of) : queue(std::move(in)), record(std::move(of)) {}
  const std::string& arguments() const override { return record.arguments; }
  void report(Report report) override;
  void end_early() {
    stopped = true;
    stop.emit(asio::cancellation_type::terminal);
  }

  std::shared_ptr<Impl> queue;
  Record record;
  asio::cancellation_signal stop;
  bool stopped = false;
  std::optional<SteadyTime> recorded;  // when its reports were, last
};

/// All of it on `home`, but for cancel().
struct Queue::Impl : std::enable_shared_from_this<Impl> {
  Impl(Workers& workers, db::Database& db, Options with, const Clock& c, obs::Log& l)
      : home(workers.executor(0)), database(db), options(with), clock(c), log(l) {}

  std::int64_t now() const { return micros(clock.now()); }
  void recover();
  void wake();
  Task<> begin_what_may(std::vector<Record> records);
  Task<> begin(Record record);
  Task<std::optional<Error>> work_on(Running& task);
  Task<Record> settle(Running& task, std::optional<Error> failure);
  void notify() const {
    if (idle != nullptr) idle->cancel();
  }

  // Detached; each takes its owner along.
  static Task<> look(std::shared_ptr<Impl> self);
  static Task<> run(std::shared_ptr<Impl> self, std::shared_ptr<Running> task);

  Executor home;
  db::Database& database;
  Options options;
  const Clock& clock;
  obs::Log& log;
  std::map<std::string, Work, std::less<>> works;
  std::map<std::string, std::shared_ptr<Running>, std::less<>> running;  // by id
  bool looking = false;
  bool look_again = false;
  bool stopping = false;
  Timer* idle = nullptr;  // of who waits for the end of all this
};

void Queue::Running::report(Report report) {
  auto& reports = record.reports;
  const auto known = std::ranges::find(reports, report.code, &Report::code);
  if (known == reports.end()) {
    reports.push_back(std::move(report));
  } else {
    *known = std::move(report);
  }
  const auto now = queue->clock.steady();
  if (recorded && now - *recorded < queue->options.record_interval) return;
  recorded = now;
  queue->database.write_soon([id = record.id, reports, at = queue->now()](db::Connection& sql) {
    update_reports(sql, id, reports, at);
  });
}

void Queue::Impl::recover() {
  const auto take_back = [max = options.max_crashes, now = now()](db::Connection& sql) {
    for (auto& record : unfinished(sql)) {
      if (record.state == State::kWaiting) continue;
      if (record.state == State::kCanceling) {
        end(record, State::kCanceled, now);
        record.error = reason_text("Canceled, and the server was stopped.");
      } else if (record.starts >= max) {
        end(record, State::kFailed, now);
        record.error = failure_text("The server ended unexpectedly each time this task ran.");
      } else {
        wait_again(record, now);
      }
      update(sql, record);
    }
  };
  database.write_now(take_back);
}

void Queue::Impl::wake() {
  asio::co_spawn(home, look(shared_from_this()), [](const std::exception_ptr&) {});
}

Task<> Queue::Impl::look(std::shared_ptr<Impl> self) {
  if (std::exchange(self->looking, true)) {
    self->look_again = true;
    co_return;
  }
  try {
    do {
      self->look_again = false;
      if (self->stopping) break;
      auto list = [](db::Connection& sql) { return unfinished(sql); };
      auto records = co_await self->database.read(std::move(list));
      co_await self->begin_what_may(std::move(records));
    } while (self->look_again);
  } catch (const std::exception& failure) {
    const auto error = Error::from(failure);
    self->log.error("tasks cannot be started",
                    {{"reason", error.what()}, {"context", error.context()}});
  }
  self->looking = false;
  self->notify();
}

/// Whoever came first holds what it wants, even while it waits.
Task<> Queue::Impl::begin_what_may(std::vector<Record> records) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (stopping || running.size() >= options.at_once) co_return;
    const auto& record = records[i];
    if (record.state != State::kWaiting) continue;
    const auto before = std::span(records).first(i);
    const bool held =
        std::ranges::any_of(before, [&](const Record& other) { return are_rivals(record, other); });
    if (!held) co_await begin(record);
  }
}

Task<> Queue::Impl::begin(Record record) {
  auto task = std::make_shared<Running>(shared_from_this(), std::move(record));
  const auto& id = task->record.id;
  running.emplace(id, task);  // first, so that a cancel finds it
  std::optional<Record> claimed;
  try {
    auto claim = [id, now = now()](db::Connection& sql) {
      auto found = find(sql, id);
      if (!found || found->state != State::kWaiting) return std::optional<Record>();
      found->state = State::kRunning;
      found->started = found->updated = now;
      ++found->starts;
      update(sql, *found);
      return found;
    };
    claimed = co_await database.write_durable(std::move(claim));
  } catch (...) {
    running.erase(id);
    throw;
  }
  if (!claimed) {
    running.erase(id);
    co_return;
  }
  task->record = std::move(*claimed);
  log.info("task started", {{"task", task->record.name}, {"id", task->record.id}});
  asio::co_spawn(home, run(shared_from_this(), task), [](const std::exception_ptr&) {});
}

Task<> Queue::Impl::run(std::shared_ptr<Impl> self, std::shared_ptr<Running> task) {
  try {
    auto failure = co_await self->work_on(*task);
    const auto record = co_await self->settle(*task, std::move(failure));
    self->log.info("task ended",
                   {{"task", record.name}, {"id", record.id}, {"state", name_of(record.state)}});
  } catch (const std::exception& failure) {
    const auto error = Error::from(failure);
    self->log.error("what became of a task cannot be recorded",
                    {{"id", task->record.id}, {"reason", error.what()}});
  }
  self->running.erase(task->record.id);
  self->notify();
  self->wake();
}

Task<std::optional<Error>> Queue::Impl::work_on(Running& task) {
  try {
    const auto work = works.find(task.record.name);
    if (work == works.end()) {
      throw Error(Error::Kind::kConflict, "this version of hubcache does no tasks of that name");
    }
    if (task.stopped) throw Error(Error::Kind::kCancelled, "the task was stopped");
    co_await asio::co_spawn(home, work->second(task),
                            asio::bind_cancellation_slot(task.stop.slot(), use_task));
  } catch (const std::exception& failure) {
    co_return Error::from(failure);
  }
  co_return std::nullopt;
}

Task<Record> Queue::Impl::settle(Running& task, std::optional<Error> failure) {
  const bool broken = failure && !task.stopped;
  if (broken) {
    log.warn("task failed", {{"task", task.record.name},
                             {"id", task.record.id},
                             {"reason", failure->what()},
                             {"context", failure->context()}});
  }
  std::string error;
  if (failure) {
    const bool ours = failure->kind() == Error::Kind::kInternal;
    error = failure_text(ours ? "Internal error: the server's log says more." : failure->what());
  }
  auto keep = [record = task.record, error, over = !failure || broken,
               now = now()](db::Connection& sql) mutable {
    const auto kept = find(sql, record.id);
    if (kept && kept->state == State::kCanceling) {
      end(record, State::kCanceled, now);
      record.error = reason_text("Canceled on request.");
    } else if (over) {
      end(record, error.empty() ? State::kCompleted : State::kFailed, now);
      record.error = error;
    } else {  // the server stops
      wait_again(record, now);
      --record.starts;
    }
    update(sql, record);
    return record;
  };
  co_return co_await database.write_durable(std::move(keep));
}

Queue::Queue(Workers& workers, db::Database& database, Options options, const Clock& clock,
             obs::Log& log)
    : impl_(std::make_shared<Impl>(workers, database, options, clock, log)) {}

Queue::~Queue() = default;

void Queue::define(std::string name, Work work) {
  impl_->works.emplace(std::move(name), std::move(work));
}

void Queue::start() {
  impl_->recover();
  impl_->wake();
}

void Queue::wake() { impl_->wake(); }

Task<std::optional<Queue::Canceled>> Queue::cancel(std::string id) {
  auto impl = impl_;
  auto change = [id, now = impl->now()](db::Connection& sql) -> std::optional<Canceled> {
    auto record = find(sql, id);
    if (!record) return std::nullopt;
    if (is_final(record->state)) return Canceled{.record = std::move(*record), .was_final = true};
    if (record->state == State::kWaiting) {
      end(*record, State::kCanceled, now);
      record->error = reason_text("Canceled on request.");
    } else {
      record->state = State::kCanceling;
      record->updated = now;
    }
    update(sql, *record);
    return Canceled{.record = std::move(*record)};
  };
  auto canceled = co_await impl->database.write_durable(std::move(change));
  if (!canceled || canceled->was_final) co_return canceled;
  asio::post(impl->home, [impl, id] {
    const auto found = impl->running.find(id);
    if (found != impl->running.end()) found->second->end_early();
    impl->wake();  // others may have waited for what it held
  });
  co_return canceled;
}

Task<> Queue::shut_down() {
  auto impl = impl_;
  co_await on(impl->home, end_all(impl));
}

Task<> Queue::end_all(std::shared_ptr<Impl> impl) {
  impl->stopping = true;
  const auto tasks = impl->running;  // a stop may end a task at once
  for (const auto& [id, task] : tasks) task->end_early();
  Timer idle(impl->home, std::chrono::steady_clock::time_point::max());
  impl->idle = &idle;
  while (impl->looking || !impl->running.empty()) {
    co_await idle.async_wait(asio::as_tuple(use_task));
  }
  impl->idle = nullptr;
}

}  // namespace hubcache::tasks
