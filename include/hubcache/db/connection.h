#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace hubcache::db {

namespace detail {
struct ConnectionState;
struct Prepared;
}  // namespace detail

/// A prepared statement, lent by its connection's cache: it goes back, reset, when this goes.
/// Columns count from 0; a column that is NULL reads as 0, 0.0 or "".
/// Database errors are thrown as Error: kConflict (a constraint), kNoSpace, kCorrupt, kIo, and
/// kInternal for SQL that is wrong.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  /// Binds `?1`, `?2`, ... : integers, bool, double, text (string_view), blobs
  /// (span<const std::byte>), nullptr, and optionals of these. Values are copied.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }

  /// Goes to the next row; false when there is none.
  bool step();
  /// Runs to the end and says how many rows were changed.
  std::int64_t run();

  std::int64_t integer(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }
  double real(int column) const;
  std::string text(int column) const;  // blobs too: the bytes as they are
  bool is_null(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<std::string> optional_text(int column) const;

 private:
  friend class Connection;
  Statement(detail::ConnectionState& connection, detail::Prepared* prepared) noexcept
      : connection_(&connection), prepared_(prepared) {}

  template <typename T>
  void bind_one(int index, const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
      bind_null(index);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      bind_integer(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      bind_real(index, static_cast<double>(value));
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      bind_text(index, std::string_view(value));
    } else if constexpr (std::is_convertible_v<const T&, std::span<const std::byte>>) {
      bind_blob(index, std::span<const std::byte>(value));
    } else {
      if (value) {
        bind_one(index, *value);
      } else {
        bind_null(index);
      }
    }
  }
  void bind_null(int index);
  void bind_integer(int index, std::int64_t value);
  void bind_real(int index, double value);
  void bind_text(int index, std::string_view value);
  void bind_blob(int index, std::span<const std::byte> value);

  detail::ConnectionState* connection_;
  detail::Prepared* prepared_;
};

/// One connection to the database, as Database lends it to a function. Used by one thread at a
/// time; statements must not outlive the function.
class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };
  Connection(const std::filesystem::path& file, Access access, int busy_timeout_ms = 5'000);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// A statement of the cache (by its text, so use literals), bound to `values`.
  template <typename... Values>
  Statement query(std::string_view sql, const Values&... values) {
    Statement statement = prepare(sql);
    statement.bind(values...);
    return statement;
  }
  /// Runs one statement and says how many rows it changed.
  template <typename... Values>
  std::int64_t run(std::string_view sql, const Values&... values) {
    return query(sql, values...).run();
  }
  /// Runs statements that take no values and return nothing (DDL); not cached.
  void script(std::string_view sql);
  std::int64_t last_insert_id() const;

 private:
  Statement prepare(std::string_view sql);
  std::unique_ptr<detail::ConnectionState> state_;
};

/// A transaction: rolled back on destruction unless commit() was called.
class Transaction {
 public:
  enum class Kind { kDeferred, kImmediate };
  Transaction(Connection& connection, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace hubcache::db
