#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "hubcache/store/store.h"

#include "support/clock.h"
#include "support/faulty_disk.h"
#include "support/run.h"
#include "support/sizes.h"

namespace hubcache::store {

using test::FaultyDisk;

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string random_text(std::uint64_t size, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

inline Digest digest_of(std::string_view text,
                        Digest::Algorithm algorithm = Digest::Algorithm::kSha256) {
  Hasher hasher(algorithm, text.size());
  hasher.update(bytes_of(text));
  return hasher.finish();
}

/// A store on a faulty disk in a directory of its own.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::filesystem::create_directory(dir / "attic");
    std::filesystem::create_directory(options.data_dir);
    start();
  }
  /// The loops end first: a worker may be handing work to the pool until then.
  ~StoreTest() override { runner.stop(); }

  void start() {
    database = std::make_unique<db::Database>(
        db::Database::Options{.file = dir / "hubcache.db", .busy_timeout = busy_timeout},
        migrations(), log);
    store = std::make_unique<Store>(options, disk, *database, pool, runner.executor(), clock, log);
    store->recover();
  }
  /// As a new process would: what was not on disk is gone.
  void restart() {
    store.reset();
    database.reset();
    start();
  }
  void lose_rows() {
    database->write_now(
        [](db::Connection& sql) { sql.script("DELETE FROM blobs; DELETE FROM fills"); });
  }

  std::unique_ptr<Staging> stage(std::string_view content, std::string via = "model/a",
                                 std::string origin = "https://hub") {
    return stage({.digest = digest_of(content),
                  .size = content.size(),
                  .origin = std::move(origin),
                  .via = std::move(via)});
  }
  std::unique_ptr<Staging> stage(StageRequest request) {
    return runner.run(store->stage(std::move(request)));
  }
  void write(Staging& staging, std::string_view content, std::uint64_t begin, std::uint64_t end) {
    runner.run(staging.write(begin, bytes_of(content.substr(begin, end - begin))));
  }
  void write_all(Staging& staging, std::string_view content) {
    write(staging, content, 0, content.size());
  }
  void put(std::string_view content) {
    auto staging = stage(content);
    write_all(*staging, content);
    runner.run(staging->verify());
    runner.run(staging->seal());
  }
  std::optional<std::string> stored(const Digest& digest) {
    const auto blob = runner.run(store->open(digest));
    if (!blob) return std::nullopt;
    std::string text(blob->size, '\0');
    PosixDisk().pread(*blob->file, 0, std::as_writable_bytes(std::span(text)));
    return text;
  }
  std::optional<std::string> stored(std::string_view content) { return stored(digest_of(content)); }
  std::filesystem::path blob_file(const Digest& digest) const {
    return options.data_dir / "blobs" / digest.algorithm_name() / digest.hex().substr(0, 2) /
           digest.hex().substr(2);
  }
  std::size_t files_in_fills() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(options.data_dir / "fills")) {
      ++count;
    }
    return count;
  }

  test::TempDir dir;
  test::Runner runner;
  Options options{.data_dir = dir / "data", .min_free = 0};
  test::FakeClock clock;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  FaultyDisk disk{dir / "attic"};
  std::chrono::milliseconds busy_timeout{5'000};  // of the database
  Pool pool{"disk", 2};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<Store> store;
};

}  // namespace hubcache::store
