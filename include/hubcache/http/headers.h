#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/clock.h"

namespace hubcache::http {

/// Header fields in the order they came; names compare without case (RFC 9110 section 5.1).
/// All text lies in one buffer: a view is good until the next change of the object.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  /// The first field of that name, or nullopt.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }

  /// Adds a field. CR, LF and NUL in a value become spaces: a value cannot forge a field.
  void add(std::string_view name, std::string_view value);
  /// The same for a value that was looked at, and has none of them.
  void append(std::string_view name, std::string_view value);
  /// Replaces every field of that name by this one.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// Forgets all fields and keeps the memory they were in.
  void clear() noexcept;

  std::size_t size() const noexcept { return fields_.size(); }
  std::pair<std::string_view, std::string_view> operator[](std::size_t index) const;

 private:
  struct Field {
    std::uint32_t name, name_size, value, value_size;
  };
  bool is_called(const Field& field, std::string_view name) const;

  std::string text_;
  std::vector<Field> fields_;
};

/// True when two field names are the same, ASCII case aside.
bool same_name(std::string_view a, std::string_view b);

/// The time a field says in one of the three forms of RFC 9110 section 5.6.7.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace hubcache::http
