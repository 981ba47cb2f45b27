#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hubcache::obs {

// What modules count as they work. Counting takes no lock and no memory, so a warm hit may do it;
// anybody may read, on any thread. Those who count often do so in counts of their worker's own.

/// Only grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// How many there are now.
class Gauge {
 public:
  void add(std::int64_t n) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// One of those a gauge counts, for as long as it lives.
class OneOf {
 public:
  explicit OneOf(Gauge& gauge) noexcept : gauge_(gauge) { gauge_.add(1); }
  ~OneOf() { gauge_.add(-1); }
  OneOf(const OneOf&) = delete;
  OneOf& operator=(const OneOf&) = delete;

 private:
  Gauge& gauge_;
};

/// How long things took, in buckets.
class Timings {
 public:
  /// Upper ends of the buckets, in seconds; what took longer is in one more.
  static constexpr std::array<double, 14> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
  struct Sum {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  // each by itself
    double seconds = 0;
    void operator+=(const Sum& other) noexcept {
      for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
      seconds += other.seconds;
    }
  };

  void add(std::chrono::nanoseconds time) noexcept {
    const double seconds = std::chrono::duration<double>(time).count();
    const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
    buckets_[static_cast<std::size_t>(bucket)].add();
    nanoseconds_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
  }
  Sum sum() const noexcept {
    Sum sum;
    for (std::size_t i = 0; i < buckets_.size(); ++i) sum.buckets[i] = buckets_[i].value();
    sum.seconds = static_cast<double>(nanoseconds_.value()) / 1e9;
    return sum;
  }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

/// Answers by their HTTP status; 0 counts those that did not come. A status that nobody expects
/// counts with those of its hundred.
class StatusCounts {
 public:
  static constexpr std::array<int, 38> kKnown{0,   200, 201, 202, 204, 206, 301, 302, 303, 304,
                                              307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
                                              410, 412, 413, 414, 415, 416, 421, 422, 429, 431,
                                              499, 500, 501, 502, 503, 504, 507, 508};
  static constexpr std::size_t kHundreds = 6;

  void add(int status) noexcept {
    const auto* const known = std::ranges::lower_bound(kKnown, status);
    if (known != kKnown.end() && *known == status) {
      known_[static_cast<std::size_t>(known - kKnown.begin())].add();
    } else {
      others_[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))].add();
    }
  }
  std::uint64_t known(std::size_t index) const noexcept { return known_[index].value(); }
  std::uint64_t others(std::size_t hundred) const noexcept { return others_[hundred].value(); }

 private:
  std::array<Counter, kKnown.size()> known_;
  std::array<Counter, kHundreds> others_;
};

}  // namespace hubcache::obs
