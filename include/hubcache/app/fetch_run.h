#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "hubcache/app/commands.h"
#include "hubcache/app/fetch_list.h"
#include "hubcache/app/fetch_report.h"

namespace hubcache::app {

/// Exit codes of `hubcache fetch`. When things failed for several reasons, it is kFailed.
inline constexpr int kFailed = 1;
inline constexpr int kRefused = 3;      // the Hub refuses it, or has no such thing
inline constexpr int kUnreachable = 4;  // the hub, or the server, does not answer
inline constexpr int kInterrupted = 130;

/// Keeps SIGINT, SIGTERM and SIGHUP from ending the process, while it lives and until the first of
/// them came; threads started meanwhile do not take them either.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Waits that long; true when a signal came, from then on at once.
  bool wait(std::chrono::milliseconds time);

 private:
  sigset_t set_{};
  sigset_t before_{};
  bool came_ = false;
};

/// One run of `hubcache fetch`: asks what the repos have, then has file after file stored, several
/// at once, and tells about it. Orders are given by threads of its own; what is told, is told by
/// the one that calls run().
class FetchRun {
 public:
  struct Options {
    std::string distribution{};  // its base path; empty: the root distribution
    std::string token{};
    std::size_t jobs = 8;
    bool pin = true;
    bool dry_run = false;
  };
  FetchRun(Order order, Options options, std::vector<FetchTarget> targets, FileFilter filter,
           FetchReport& report);

  /// Returns the exit code. What fails is told to the report.
  int run(Interrupts& interrupts);

 private:
  struct Repo : PlannedRepo {
    std::uint64_t max_size = 0;
  };
  struct File : PlannedFile {
    std::size_t repo = 0;      // its index
    std::uint64_t counts = 0;  // bytes; 0: another file has the same
  };
  /// What one of the threads does.
  struct Slot {
    const File* file = nullptr;
    std::uint64_t done = 0;
    std::optional<std::uint64_t> began{};  // with so many bytes
    Rate rate{};
  };

  void work(const std::stop_token& stop);
  bool goes_on(const std::stop_token& stop);
  void plan(const FetchTarget& target, const std::stop_token& stop);
  void take_plan(const FetchTarget& target, const nlohmann::json& plan);
  void require_room();
  void fetch_files(std::size_t slot, const std::stop_token& stop);
  const File* next_file(std::size_t slot);
  std::optional<Error> try_once(const File& file, const std::stop_token& stop);
  void settle(std::size_t slot, const std::optional<Error>& failure);
  void fail(const std::string& what, const Error& error);
  void note_failure(const Error& error);

  void look(const std::stop_token& stop);
  void show(SteadyTime now);
  FetchTotals totals_now(SteadyTime now);

  Order order_;
  Options options_;
  std::vector<FetchTarget> targets_;
  FileFilter filter_;
  FetchReport& report_;
  SteadyTime began_;

  // Shared by the threads: the one that is spoken for below is not enough, for orders block.
  std::mutex mutex_;
  std::vector<Repo> repos_;
  std::vector<File> files_;  // complete before the first is fetched
  std::size_t next_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::function<void(FetchReport&)>> events_;
  FetchTotals totals_;
  std::uint64_t moved_ = 0;  // bytes, by the files that are done
  Rate rate_;
  bool gave_up_ = false;
  bool ended_ = false;
};

}  // namespace hubcache::app
