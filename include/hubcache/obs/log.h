#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace hubcache::obs {

class TimeText;

enum class Level { kDebug, kInfo, kWarn, kError, kOff };
enum class Format { kText, kJson };

/// One `key=value` of a log line: a look at texts of the caller, for the call it is made for.
/// Values are escaped when written, so hostile text cannot forge lines. Never put a token, a cookie
/// or a signed URL's query into one.
class Field {
 public:
  Field(std::string_view k, std::string_view v) : key_(k), text_(v) {}
  Field(std::string_view k, const std::string& v) : key_(k), text_(v) {}
  Field(std::string_view k, const char* v) : key_(k), text_(v) {}
  template <std::integral N>
  Field(std::string_view k, N v) : key_(k), number_(true) {
    digits_end_ = std::to_chars(digits_.begin(), digits_.end(), +v).ptr - digits_.begin();
  }
  /// Written with three decimals.
  Field(std::string_view k, double v);
  /// Written in milliseconds, with three decimals; less than nothing is nothing.
  Field(std::string_view k, std::chrono::microseconds v);

  std::string_view key() const noexcept { return key_; }
  std::string_view value() const noexcept {
    return number_ ? std::string_view(digits_.data(), static_cast<std::size_t>(digits_end_))
                   : text_;
  }
  bool is_number() const noexcept { return number_; }

 private:
  std::string_view key_;
  std::string_view text_;
  std::array<char, 24> digits_{};
  std::ptrdiff_t digits_end_ = 0;
  bool number_ = false;
};

struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;
  bool access_log = true;
};

/// Writes one event a line to standard error. Lines are queued and written by a thread of its own:
/// a caller never waits for the terminal. Callable from any thread.
class Log {
 public:
  explicit Log(Options options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view event, std::initializer_list<Field> fields = {});
  void info(std::string_view event, std::initializer_list<Field> fields = {});
  void warn(std::string_view event, std::initializer_list<Field> fields = {});
  void error(std::string_view event, std::initializer_list<Field> fields = {});
  /// Whole lines of an AccessLog.
  void write_lines(std::string_view lines, std::size_t count);

  bool access_enabled() const noexcept;
  Format format() const noexcept;
  bool enabled(Level level) const noexcept;
  void set_level(Level level);
  void flush();

 private:
  struct Sink;
  void write(Level level, std::string_view event, const Field* fields, std::size_t count);
  std::unique_ptr<Sink> sink_;
};

/// One worker's lines of the access log. They are gathered here and handed over in batches, so that
/// a request costs no lock: whoever owns this calls flush() every now and then.
class AccessLog {
 public:
  explicit AccessLog(Log& log);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// Dropped when the log's options or level say so.
  void add(std::initializer_list<Field> fields);
  void flush();

 private:
  Log& log_;
  std::unique_ptr<TimeText> time_;
  std::string lines_;
  std::size_t count_ = 0;
};

/// "debug", "info", "warn", "error", "off"; throws kBadRequest with what is allowed.
Level level_of(std::string_view name);
/// A name for one request, in its log lines and its X-Request-Id header.
std::string new_request_id();

}  // namespace hubcache::obs
