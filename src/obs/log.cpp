#include "hubcache/obs/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>

#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"

#include "log_line.h"

namespace hubcache::obs {
namespace {

constexpr std::size_t kBatch = 32 * 1024;   // bytes of one worker's access lines, a message
constexpr std::size_t kMostQueued = 2'048;  // messages: 64 MiB at most
constexpr std::size_t kMostAtOnce = 256;    // threads that log

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

/// Where spdlog's thread writes what was logged, each message as it is.
class ErrorStream final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  /// How many flushes there will have been when one that is asked for now is done.
  std::uint64_t next_flush() {
    const std::lock_guard lock(mutex_);
    return ++asked_;
  }
  void wait_for_flush(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    flushed_.wait(lock, [&] { return done_ >= number; });
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_all({message.payload.data(), message.payload.size()});
  }
  void flush_() override {
    {
      const std::lock_guard lock(mutex_);
      ++done_;
    }
    flushed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable flushed_;
  std::uint64_t asked_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace

// spdlog has the queue and the thread; lines are made here, for it allocates and formats each one
// where a worker has thousands a second, and JSON is not among its formats.
struct Log::Sink {
  explicit Sink(Options given) : options(given), journal(is_journal()) {
    logger = std::make_shared<spdlog::async_logger>("hubcache", stream, queue);
    logger->set_level(level_for(given.level));
  }

  static spdlog::level::level_enum level_for(Level level) {
    using spdlog::level::level_enum;
    constexpr std::array kLevels{level_enum::debug, level_enum::info, level_enum::warn,
                                 level_enum::err, level_enum::off};
    return kLevels.at(static_cast<std::size_t>(level));
  }

  void append(std::string& lines, Level of, std::string_view event, const Field* fields,
              std::size_t count) const {
    if (journal) append_priority(lines, of);
    append_line(lines, options.format, TimeText().at(wall_now()), of, event, fields, count);
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

  /// A caller never waits: where too much is queued its lines are dropped, and counted.
  void push(Level of, std::string_view lines, std::size_t count) {
    if (queue->queue_size() >= kMostQueued) {
      dropped += count;
      return;
    }
    if (const auto lost = dropped.exchange(0); lost > 0) {
      std::string line;
      const Field number{"lines", lost};
      append(line, Level::kWarn, "log_dropped", &number, 1);
      logger->log(level_for(Level::kWarn), line);
    }
    logger->log(level_for(of), spdlog::string_view_t(lines.data(), lines.size()));
  }

  void flush() {
    const auto number = stream->next_flush();
    logger->flush();
    stream->wait_for_flush(number);
  }

  const Options options;
  const bool journal;
  const std::shared_ptr<ErrorStream> stream = std::make_shared<ErrorStream>();
  // Ends when all is written that was queued.
  const std::shared_ptr<spdlog::details::thread_pool> queue =
      std::make_shared<spdlog::details::thread_pool>(kMostQueued + kMostAtOnce, 1);
  std::shared_ptr<spdlog::async_logger> logger;
  std::atomic<std::uint64_t> dropped{0};  // lines, not yet reported
};

Field::Field(std::string_view k, double v) : key_(k), number_(true) {
  auto* const end = digits_.data() + digits_.size();
  auto written = std::to_chars(digits_.data(), end, v, std::chars_format::fixed, 3);
  if (written.ec != std::errc()) written = std::to_chars(digits_.data(), end, v);
  digits_end_ = written.ptr - digits_.data();
}

// A double takes a tenth of the time of a warm hit's line.
Field::Field(std::string_view k, std::chrono::microseconds v)
    : Field(k, std::max(v.count(), std::int64_t{0}) / 1'000) {
  const auto part = static_cast<unsigned>(std::max(v.count(), std::int64_t{0}) % 1'000);
  const std::array<char, 4> decimals{'.', static_cast<char>('0' + part / 100),
                                     static_cast<char>('0' + part / 10 % 10),
                                     static_cast<char>('0' + part % 10)};
  const auto* const end = std::ranges::copy(decimals, digits_.begin() + digits_end_).out;
  digits_end_ = end - digits_.begin();
}

Log::Log(Options options) : sink_(std::make_unique<Sink>(options)) {}

Log::~Log() = default;

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
  if (!sink_->journal) return sink_->push(Level::kInfo, lines, count);
  sink_->push(Level::kInfo, Sink::for_journal(lines, Level::kInfo), count);
}

bool Log::access_enabled() const noexcept {
  return sink_->options.access_log && enabled(Level::kInfo);
}

Format Log::format() const noexcept { return sink_->options.format; }

bool Log::enabled(Level level) const noexcept {
  return level != Level::kOff && sink_->logger->should_log(Sink::level_for(level));
}

void Log::set_level(Level level) { sink_->logger->set_level(Sink::level_for(level)); }

void Log::flush() { sink_->flush(); }

void Log::write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  if (!enabled(level)) return;
  std::string line;
  sink_->append(line, level, event, fields, count);
  sink_->push(level, line, 1);
}

AccessLog::AccessLog(Log& log) : log_(log), time_(std::make_unique<TimeText>()) {}

AccessLog::~AccessLog() { flush(); }

void AccessLog::add(std::initializer_list<Field> fields) {
  if (!log_.access_enabled()) return;
  append_line(lines_, log_.format(), time_->at(wall_now()), Level::kInfo, "access", fields.begin(),
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
