#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace hubcache::test {

/// A TCP relay between two parts that does to the bytes what bad networks do. On a port of its own
/// of 127.0.0.1; callable from any thread.
class Gate {
 public:
  /// What befalls the bytes of one direction, from when it is set on, also those of connections
  /// that are open. Counts are bytes of one connection in that direction.
  struct Weather {
    std::chrono::milliseconds delay{0};           // of each piece
    std::size_t piece = 16'384;                   // bytes that are passed on at once, at most
    std::uint64_t bytes_per_second = 0;           // 0: as fast as they come
    std::optional<std::uint64_t> cut_after = {};  // then the connection is closed
    bool reset = false;                           // by RST
    std::uint64_t flip_every = 0;                 // so many bytes, one is inverted; 0: none
  };

  explicit Gate(std::uint16_t to);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;  // so far
  void set_up(Weather weather);     // from who connects to the server
  void set_down(Weather weather);   // from the server
  /// Ends all connections that are open.
  void cut(bool reset);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hubcache::test
