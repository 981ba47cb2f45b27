#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/app/fetch_list.h"
#include "hubcache/app/progress.h"
#include "hubcache/base/error.h"

namespace hubcache::app {

/// What a fetch is to bring of one repo.
struct PlannedRepo {
  FetchTarget target;  // in the Hub's own spelling
  std::string commit;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // what two files have in common counts once
  std::uint64_t stored_files = 0;
  std::uint64_t stored_bytes = 0;
};

struct PlannedFile {
  std::string path;
  std::string digest;
  std::uint64_t size = 0;
  bool stored = false;
};

/// What became of a file.
enum class Outcome : std::uint8_t {
  kStored,   // it was there
  kFetched,  // it was not, and is now
  kMissing,  // it is not there, and was not to be fetched (--dry-run)
  kFailed,
};

/// How far a fetch is, or what came of it.
struct FetchTotals {
  std::uint64_t files = 0;
  std::uint64_t files_done = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t fetched_files = 0;
  std::uint64_t fetched_bytes = 0;
  std::uint64_t stored_files = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t failed_files = 0;
  std::optional<double> rate{};  // bytes a second
  std::chrono::seconds time{};
  bool interrupted = false;
  bool dry_run = false;
  int exit_code = 0;
};

/// Tells what a fetch does. For one thread.
class FetchReport {
 public:
  virtual ~FetchReport() = default;
  virtual void planned(const PlannedRepo& repo) = 0;
  /// `error` of kFailed, else null.
  virtual void file(const PlannedRepo& repo, const PlannedFile& file, Outcome outcome,
                    const Error* error) = 0;
  /// Something failed as a whole: the repo, or all.
  virtual void failed(const std::string& what, const Error& error) = 0;
  /// Called now and then; the bars are of the files that are being fetched.
  virtual void progress(const std::vector<Bar>& running, const FetchTotals& totals) = 0;
  virtual void end(const FetchTotals& totals) = 0;
};

/// For people: bars when standard error is a terminal that can show them, else lines; `quiet`: only
/// what failed. What failed goes to standard error, all else to standard output.
std::unique_ptr<FetchReport> text_report(bool quiet);
/// For programs: one JSON object a line, as docs/commands.md says.
std::unique_ptr<FetchReport> json_report();

}  // namespace hubcache::app
