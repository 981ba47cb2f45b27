#include "hubcache/obs/log.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

#include "log_line.h"

namespace hubcache::obs {
namespace {

constexpr std::size_t kWriteSoon = 64 * 1024;          // enough for one write
constexpr std::size_t kBatch = 16 * 1024;              // access lines of one worker
constexpr std::size_t kMostQueued = 16 * 1024 * 1024;  // beyond it lines are dropped and counted
constexpr std::chrono::milliseconds kGather{20};       // how long lines are gathered

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // there is nobody left to tell
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// Is standard error what systemd gave to its journal (JOURNAL_STREAM, systemd.exec(5))?
bool is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe)
  struct stat about{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &about) != 0) return false;
  return stream == std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino);
}

}  // namespace

// Lines are gathered and written a batch at a time: waking a thread for every line would cost more
// than the line. The mutex is here because every thread logs; it is held for an append or a swap.
struct Log::Sink {
  explicit Sink(Options given)
      : options(given), journal(is_journal()), level(given.level), writer([this] { run(); }) {}

  void append(std::string& lines, Level of, std::string_view event, const Field* fields,
              std::size_t count) const {
    if (journal) append_priority(lines, of);
    append_line(lines, options.format, wall_now(), of, event, fields, count);
  }

  /// Lines that were made without the journal in mind.
  static std::string for_journal(std::string_view lines, Level of) {
    std::string told;
    while (!lines.empty()) {
      const auto end = lines.find('\n') + 1;
      append_priority(told, of);
      told += lines.substr(0, end);
      lines.remove_prefix(end);
    }
    return told;
  }

  void push(std::string_view lines, std::size_t count, bool soon) {
    bool wake = soon;
    {
      const std::lock_guard lock(mutex);
      if (queued.size() + lines.size() > kMostQueued) {
        dropped += count;
        return;
      }
      wake = wake || queued.empty() || queued.size() + lines.size() >= kWriteSoon;
      hurry = hurry || soon || queued.size() + lines.size() >= kWriteSoon;
      queued += lines;
      pushed += count;
    }
    if (wake) changed.notify_all();
  }

  void run() {
    std::string batch;
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return !queued.empty() || stopping; });
      if (queued.empty()) return;
      changed.wait_for(lock, kGather, [this] { return hurry || stopping; });
      batch.clear();
      std::swap(batch, queued);
      hurry = false;
      const auto lost = std::exchange(dropped, 0);
      const auto upto = pushed;
      lock.unlock();
      if (lost > 0) {
        const Field count{"lines", lost};
        append(batch, Level::kWarn, "log_dropped", &count, 1);
      }
      write_all(batch);
      lock.lock();
      written = upto;
      flushed.notify_all();
    }
  }

  void flush() {
    std::unique_lock lock(mutex);
    const auto upto = pushed;
    hurry = true;
    changed.notify_all();
    flushed.wait(lock, [this, upto] { return written >= upto; });
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    writer.join();
  }

  const Options options;
  const bool journal;
  std::atomic<Level> level;
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable flushed;
  std::string queued;
  std::uint64_t pushed = 0;   // lines ever queued
  std::uint64_t written = 0;  // of them, written
  std::uint64_t dropped = 0;  // not yet reported
  bool hurry = false;
  bool stopping = false;
  std::thread writer;  // last: it uses everything above
};

Field::Field(std::string_view k, double v) : key_(k), number_(true) {
  auto* const end = digits_.data() + digits_.size();
  auto written = std::to_chars(digits_.data(), end, v, std::chars_format::fixed, 3);
  if (written.ec != std::errc()) written = std::to_chars(digits_.data(), end, v);
  digits_end_ = written.ptr - digits_.data();
}

Log::Log(Options options) : sink_(std::make_unique<Sink>(options)) {}

Log::~Log() { sink_->stop(); }

void Log::debug(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kDebug, event, fields.begin(), fields.size());
}

void Log::info(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kInfo, event, fields.begin(), fields.size());
}

void Log::warn(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kWarn, event, fields.begin(), fields.size());
}

void Log::error(std::string_view event, std::initializer_list<Field> fields) {
  write(Level::kError, event, fields.begin(), fields.size());
}

void Log::write_lines(std::string_view lines, std::size_t count) {
  if (!sink_->journal) return sink_->push(lines, count, false);
  sink_->push(Sink::for_journal(lines, Level::kInfo), count, false);
}

bool Log::access_enabled() const noexcept {
  return sink_->options.access_log && enabled(Level::kInfo);
}

Format Log::format() const noexcept { return sink_->options.format; }

bool Log::enabled(Level level) const noexcept {
  return level >= sink_->level.load(std::memory_order_relaxed) && level != Level::kOff;
}

void Log::set_level(Level level) { sink_->level.store(level, std::memory_order_relaxed); }

void Log::flush() { sink_->flush(); }

void Log::write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  if (!enabled(level)) return;
  std::string line;
  sink_->append(line, level, event, fields, count);
  sink_->push(line, 1, level == Level::kError);
}

void AccessLog::add(std::initializer_list<Field> fields) {
  if (!log_.access_enabled()) return;
  append_line(lines_, log_.format(), wall_now(), Level::kInfo, "access", fields.begin(),
              fields.size());
  ++count_;
  if (lines_.size() >= kBatch) flush();
}

void AccessLog::flush() {
  if (count_ == 0) return;
  log_.write_lines(lines_, count_);
  lines_.clear();
  count_ = 0;
}

Level level_of(std::string_view name) {
  for (const Level level :
       {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError, Level::kOff}) {
    if (name == name_of(level)) return level;
  }
  throw Error(Error::Kind::kBadRequest, "unknown log level \"" + std::string(name) +
                                            "\": use debug, info, warn, error or off");
}

std::string new_request_id() { return to_hex(random_bytes(8)); }

}  // namespace hubcache::obs
