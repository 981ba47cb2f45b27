#include "hubcache/app/fetch_report.h"

#include <algorithm>
#include <array>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hubcache::app {
namespace {

constexpr std::chrono::seconds kLineInterval{30};  // where there are no bars
constexpr std::size_t kShortCommit = 8;

std::string count_of(std::uint64_t files) {
  return fmt::format("{} file{}", files, files == 1 ? "" : "s");
}

class TextReport final : public FetchReport {
 public:
  explicit TextReport(bool quiet) : quiet_(quiet) {
    if (!quiet && Screen::is_there()) screen_.emplace();
  }

  void planned(const PlannedRepo& repo) override {
    auto line =
        fmt::format("{} ({}): {}, {}", repo.target.text(), repo.commit.substr(0, kShortCommit),
                    count_of(repo.files), size_text(repo.bytes));
    if (repo.stored_files > 0) {
      line +=
          fmt::format("; {} of them ({}) here", repo.stored_files, size_text(repo.stored_bytes));
    }
    say(line);
  }

  void file(const PlannedRepo& repo, const PlannedFile& file, Outcome outcome,
            const Error* error) override {
    const auto path = printable(file.path);
    if (error != nullptr) {
      complain(fmt::format("{}: {}: {}", repo.target.text(), path, printable(error->what())));
    } else if (outcome == Outcome::kMissing) {
      say(fmt::format("  to fetch  {:>8}  {}", size_text(file.size), path));
    } else if (outcome == Outcome::kFetched && !screen_) {
      say(fmt::format("  fetched   {:>8}  {}", size_text(file.size), path));
    }
  }

  void failed(const std::string& what, const Error& error) override {
    complain((what.empty() ? "" : what + ": ") + printable(error.what()));
  }

  void progress(const std::vector<Bar>& running, const FetchTotals& totals) override {
    if (screen_) return draw(running, totals);
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < kLineInterval || totals.files == 0) return;
    told_ = now;
    const auto rate = totals.rate ? size_text(static_cast<std::uint64_t>(*totals.rate)) + "/s" : "";
    say(fmt::format("  {} of {} files, {} of {}  {}", totals.files_done, totals.files,
                    size_text(totals.bytes_done), size_text(totals.bytes), rate));
  }

  void end(const FetchTotals& totals) override {
    if (screen_) screen_->draw({});
    if (totals.dry_run) {
      say(fmt::format("to fetch: {}, {}", count_of(totals.files - totals.stored_files),
                      size_text(totals.bytes - totals.stored_bytes)));
      return;
    }
    const auto seconds = std::max<std::int64_t>(totals.time.count(), 1);
    const auto rate = totals.fetched_bytes / static_cast<std::uint64_t>(seconds);
    say(fmt::format("fetched {} ({}) in {}, {}/s; {} here before", count_of(totals.fetched_files),
                    size_text(totals.fetched_bytes), time_text(totals.time), size_text(rate),
                    totals.stored_files == 0 ? "none" : count_of(totals.stored_files)));
    if (totals.failed_files > 0) complain(count_of(totals.failed_files) + " failed");
    if (totals.interrupted) complain("interrupted");
    if (totals.exit_code != 0 && totals.files > 0) {
      complain("the same command again goes on from here");
    }
  }

 private:
  void say(const std::string& line) {
    if (quiet_) return;
    if (screen_) screen_->clear();
    std::cout << line << "\n" << std::flush;
    if (screen_) screen_->restore();
  }

  void complain(const std::string& line) {
    if (screen_) screen_->clear();
    std::cerr << "hubcache: " << line << "\n" << std::flush;
    if (screen_) screen_->restore();
  }

  void draw(const std::vector<Bar>& running, const FetchTotals& totals) {
    if (totals.files == 0) return;
    const auto look = screen_->look();
    const auto room = Screen::height() - std::min<std::size_t>(Screen::height(), 2);
    std::vector<std::string> lines;
    for (const auto& bar : running) {
      if (lines.size() < room) lines.push_back(line_of(bar, look));
    }
    lines.push_back(
        line_of({.label = fmt::format("{} of {} files", totals.files_done, totals.files),
                 .done = totals.bytes_done,
                 .size = totals.bytes,
                 .rate = totals.rate},
                look));
    screen_->draw(std::move(lines));
  }

  bool quiet_;
  std::optional<Screen> screen_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

class JsonReport final : public FetchReport {
 public:
  void planned(const PlannedRepo& repo) override {
    auto event = event_of("repo", repo);
    event["commit"] = repo.commit;
    event["files"] = repo.files;
    event["bytes"] = repo.bytes;
    event["stored_files"] = repo.stored_files;
    event["stored_bytes"] = repo.stored_bytes;
    write(event);
  }

  void file(const PlannedRepo& repo, const PlannedFile& file, Outcome outcome,
            const Error* error) override {
    constexpr std::array kNames{"stored", "fetched", "missing", "failed"};
    auto event = event_of("file", repo);
    event["path"] = file.path;
    event["digest"] = file.digest;
    event["size"] = file.size;
    event["is"] = kNames.at(static_cast<std::size_t>(outcome));
    if (error != nullptr) add(*error, event);
    write(event);
  }

  void failed(const std::string& what, const Error& error) override {
    Json event{{"event", "error"}, {"what", what}};
    add(error, event);
    write(event);
  }

  void progress(const std::vector<Bar>& /*running*/, const FetchTotals& /*totals*/) override {}

  void end(const FetchTotals& totals) override {
    write({{"event", "end"},
           {"files", totals.files},
           {"bytes", totals.bytes},
           {"stored_files", totals.stored_files},
           {"stored_bytes", totals.stored_bytes},
           {"fetched_files", totals.fetched_files},
           {"fetched_bytes", totals.fetched_bytes},
           {"failed_files", totals.failed_files},
           {"seconds", totals.time.count()},
           {"interrupted", totals.interrupted},
           {"exit_code", totals.exit_code}});
  }

 private:
  using Json = nlohmann::ordered_json;

  static Json event_of(const char* name, const PlannedRepo& repo) {
    return {{"event", name},
            {"type", hub::name_of(repo.target.repo.type)},
            {"repo", repo.target.repo.name},
            {"revision", repo.target.revision}};
  }
  static void add(const Error& error, Json& event) {
    event["error"] = error.what();
    event["kind"] = name_of(error.kind());
  }
  static void write(const Json& event) {
    std::cout << event.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n" << std::flush;
  }
};

}  // namespace

std::unique_ptr<FetchReport> text_report(bool quiet) { return std::make_unique<TextReport>(quiet); }
std::unique_ptr<FetchReport> json_report() { return std::make_unique<JsonReport>(); }

}  // namespace hubcache::app
