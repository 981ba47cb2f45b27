#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hubcache/db/database.h"
#include "hubcache/fill/fills.h"
#include "hubcache/store/store.h"

#include "support/clock.h"
#include "support/faulty_disk.h"
#include "support/run.h"
#include "support/sizes.h"
#include "upstream.h"

namespace hubcache::fill::test {

using hubcache::test::FaultyDisk;
using hubcache::test::kind_thrown_by;

inline constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;

/// Bytes that differ from block to block.
inline std::string some_bytes(std::uint64_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 88'172'645'463'325'252;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state);
  }
  return bytes;
}

inline Digest digest_of(const std::string& bytes) {
  Hasher hasher(Digest::Algorithm::kSha256, bytes.size());
  hasher.update(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return hasher.finish();
}

inline std::string flip(std::string bytes, std::uint64_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}

/// What one run of the program has; another on the same directory is the next run.
struct Cache {
  Cache(hubcache::test::Runner& runner, const std::filesystem::path& directory, store::Disk& disk,
        const Clock& clock, obs::Log& log, Fills::Options options)
      : database({.file = directory / "hubcache.db"}, store::migrations(), log),
        store({.data_dir = directory, .min_free = 0}, disk, database, pool, runner.executor(),
              clock, log),
        fills(runner.workers(), store, std::move(options), clock, log) {
    store.recover();
  }
  Pool pool{"disk", 2};
  db::Database database;
  store::Store store;
  Fills fills;
};

class FillsTest : public testing::Test {
 protected:
  /// One that can crash remembers all that is written.
  explicit FillsTest(bool can_crash = false)
      : disk_(can_crash ? dir_ / "attic" : std::filesystem::path()) {
    std::filesystem::create_directory(dir_ / "attic");
    options_.retry_delay = std::chrono::milliseconds(1);
    options_.linger = std::chrono::hours(1);
    options_.drip_interval = std::chrono::hours(1);
    options_.first_byte = std::chrono::hours(1);
    options_.on_verified = [this](std::string origin, std::string via, Digest digest) -> Task<> {
      const std::lock_guard lock(verified_mutex_);
      verified_.emplace_back(std::move(origin), std::move(via), digest.text());
      co_return;
    };
  }
  void TearDown() override {
    disk_.release();
    if (cache_) runner_.run(cache_->fills.park());
  }

  /// The file the Hub has, as its digest says; what upstream delivers may differ.
  void serve(std::string bytes) {
    bytes_ = std::move(bytes);
    digest_ = digest_of(bytes_);
    home_ = runner_.workers().home(std::hash<Digest>{}(*digest_));
    upstream_ = std::make_unique<Upstream>(bytes_);
    start();
  }
  void start() {
    cache_ = std::make_unique<Cache>(runner_, dir_.path(), disk_, clock_, log_, options_);
  }
  void restart() {
    runner_.run(cache_->fills.park());
    cache_.reset();
    start();
  }

  /// Changes or reads the upstream, on its worker.
  template <typename F>
  auto at_upstream(F act) {
    auto look = [this, act = std::move(act)] {
      if constexpr (std::is_void_v<decltype(act(*upstream_))>) {
        act(*upstream_);
        upstream_->changed();
      } else {
        return act(*upstream_);
      }
    };
    return runner_.call(std::move(look), home_);
  }
  void hold(std::uint64_t begin, std::uint64_t end) {
    at_upstream([=](Upstream& upstream) { upstream.held = {.begin = begin, .end = end}; });
  }
  void release() { hold(0, 0); }
  void until(std::function<bool(Upstream&)> is_so) {
    auto look = [this, is_so = std::move(is_so)] { return is_so(*upstream_); };
    runner_.run(upstream_->until(std::move(look)), home_);
  }
  std::uint64_t delivered() {
    return at_upstream([](Upstream& upstream) { return upstream.delivered; });
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> requests() {
    return at_upstream([](Upstream& upstream) {
      std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
      for (const auto& request : upstream.requests) {
        ranges.emplace_back(request.offset, request.length);
      }
      return ranges;
    });
  }
  std::vector<std::string> requesters() {
    return at_upstream([](Upstream& upstream) {
      std::vector<std::string> names;
      for (const auto& request : upstream.requests) names.push_back(request.by);
      return names;
    });
  }

  Wish whole(std::string via = "repo") {
    Wish wish = closed(0, bytes_.size(), std::move(via));
    wish.to_end = true;
    return wish;
  }
  Wish from(std::uint64_t offset) {
    Wish wish = closed(offset, bytes_.size());
    wish.to_end = true;
    return wish;
  }
  Wish closed(std::uint64_t begin, std::uint64_t end, std::string via = "repo") {
    auto source = [this, via](std::size_t) { return upstream_->source(via); };
    return {.origin = "hub",
            .digest = *digest_,
            .size = bytes_.size(),
            .range = {.offset = begin, .length = end - begin},
            .to_end = false,
            .via = via,
            .source = std::move(source)};
  }
  Wish refused(Wish wish, Error::Kind kind) {
    wish.source = [this, via = wish.via, kind](std::size_t) {
      return upstream_->refused_source(via, kind);
    };
    return wish;
  }

  Wish paid_by(std::string client, Wish wish) {
    const auto add = [this, client](std::uint64_t bytes) {
      const std::lock_guard lock(paid_mutex_);
      paid_[client] += bytes;
    };
    const auto take_back = [this, client](std::uint64_t bytes) {
      const std::lock_guard lock(paid_mutex_);
      paid_[client] -= bytes;
    };
    wish.payer = Payer{.charge = add, .refund = take_back};
    return wish;
  }
  std::map<std::string, std::uint64_t> paid() {
    const std::lock_guard lock(paid_mutex_);
    return paid_;
  }

  // Readers live on worker 0, wherever the fill does.
  std::future<Joined> start_join(Wish wish) {
    return runner_.start(cache_->fills.join(std::move(wish)));
  }
  Joined join(Wish wish) { return start_join(std::move(wish)).get(); }
  std::future<std::string> start_span(Joined& joined) {
    return runner_.start(one_span(*joined.body));
  }
  std::string next(Joined& joined) { return start_span(joined).get(); }
  std::future<std::string> start_read(Joined& joined) { return runner_.start(rest(*joined.body)); }
  std::string read(Joined& joined) { return start_read(joined).get(); }
  std::string read(Wish wish) {
    auto joined = join(std::move(wish));
    return read(joined);
  }
  /// Reads until `joined` has handed out `count` bytes, and no further than a span beyond.
  std::string read_at_least(Joined& joined, std::uint64_t count) {
    std::string bytes;
    while (bytes.size() < count) bytes += next(joined);
    return bytes;
  }
  void leave(Joined& joined) {
    runner_.call([&] { joined.body.reset(); });
  }

  /// Then the hash has to read it, and waits there while reads are held. Given to nobody.
  void bring_the_last_block_first() {
    Wish wish = closed(bytes_.size() - 1, bytes_.size());
    wish.for_proof = true;
    read(std::move(wish));
  }

  bool is_stored() { return runner_.run(cache_->store.contains(*digest_)); }
  bool is_bad() { return cache_->store.bad_since("hub", *digest_).has_value(); }
  std::string source_repo() { return runner_.run(cache_->fills.source_repo("hub", *digest_)); }
  /// Waits until no fill of the blob runs any more.
  void until_stored() {
    auto joined = join(whole());
    read(joined);
    while (!is_stored()) std::this_thread::yield();
  }
  std::vector<std::tuple<std::string, std::string, std::string>> verified() {
    const std::lock_guard lock(verified_mutex_);
    return verified_;
  }

  static Task<std::string> one_span(http::SpanSource& body) {
    const http::Span span = co_await body.next();
    const auto& part = std::get<http::FileSpan>(span);
    std::string bytes(part.length, '\0');
    if (part.length == 0) co_return bytes;
    const ssize_t count =
        ::pread(part.file->get(), bytes.data(), bytes.size(), static_cast<off_t>(part.offset));
    if (count != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("a short read");
    co_return bytes;
  }
  static Task<std::string> rest(http::SpanSource& body) {
    std::string all;
    while (true) {
      const std::string bytes = co_await one_span(body);
      if (bytes.empty()) co_return all;
      all += bytes;
    }
  }

  hubcache::test::Runner runner_{2};
  hubcache::test::TempDir dir_;
  hubcache::test::FakeClock clock_;
  obs::Log log_{{.level = obs::Level::kOff}};
  FaultyDisk disk_;
  Fills::Options options_;
  std::mutex verified_mutex_;  // on_verified comes from the fill's worker
  std::vector<std::tuple<std::string, std::string, std::string>> verified_;
  std::mutex paid_mutex_;  // so do charges
  std::map<std::string, std::uint64_t> paid_;
  std::string bytes_;
  std::optional<Digest> digest_;
  std::size_t home_ = 0;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace hubcache::fill::test
