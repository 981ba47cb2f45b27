#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace hubcache::obs {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };
enum class Format { kText, kJson };

/// One `key=value` of a log line. Values are escaped when written, so hostile text cannot forge
/// lines. Never put a token, a cookie or a signed URL's query into one.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <typename N>
    requires std::is_arithmetic_v<N>
  Field(std::string_view k, N v) : key(k), value(std::to_string(v)), number(true) {}

  std::string key;
  std::string value;
  bool number = false;
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
  /// A line of the access log; dropped when the options say so.
  void access(std::initializer_list<Field> fields);

  bool access_enabled() const noexcept;
  bool enabled(Level level) const noexcept;
  void set_level(Level level);
  void flush();

 private:
  struct Sink;
  void write(Level level, std::string_view event, const Field* fields, std::size_t count);
  std::unique_ptr<Sink> sink_;
};

/// "debug", "info", "warn", "error", "off"; throws kBadRequest with what is allowed.
Level level_of(std::string_view name);
/// A name for one request, in its log lines and its X-Request-Id header.
std::string new_request_id();

}  // namespace hubcache::obs
