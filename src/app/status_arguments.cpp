#include "hubcache/app/status_arguments.h"

#include <cstdint>
#include <iostream>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/app/progress.h"
#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

constexpr int kNotRunning = 3;

std::string bytes_text(const Json& bytes) { return size_text(bytes.get<std::uint64_t>()); }

std::string up_text(std::uint64_t seconds) {
  constexpr std::uint64_t kMinute = 60;
  constexpr std::uint64_t kHour = 60 * kMinute;
  constexpr std::uint64_t kDay = 24 * kHour;
  if (seconds < kMinute) return fmt::format("{} s", seconds);
  if (seconds < kHour) return fmt::format("{} min", seconds / kMinute);
  if (seconds < kDay) {
    return fmt::format("{} h {} min", seconds / kHour, seconds % kHour / kMinute);
  }
  return fmt::format("{} d {} h", seconds / kDay, seconds % kDay / kHour);
}

void print_line(std::string_view name, const std::string& text) {
  std::cout << fmt::format("  {:<10} {}\n", name, text);
}

void print_disk(const Json& status) {
  const auto& disk = status.at("disk");
  const std::uint64_t limit = disk.value("limit", std::uint64_t{0});
  print_line("disk", fmt::format("{} used{}; {} free of {}", bytes_text(disk.at("used")),
                                 limit > 0 ? " of at most " + size_text(limit) : std::string(),
                                 bytes_text(disk.at("filesystem").at("free")),
                                 bytes_text(disk.at("filesystem").at("total"))));
  print_line("blobs", fmt::format("{}, {}", status.at("blobs").at("count").get<std::uint64_t>(),
                                  bytes_text(status.at("blobs").at("bytes"))));
}

void print_traffic(const Json& status) {
  const auto count = [](const Json& group, const char* name) {
    return group.at(name).get<std::uint64_t>();
  };
  const auto& hits = status.at("hits");
  print_line("requests",
             fmt::format("{}, {} of them with an error; {} connections", count(status, "requests"),
                         count(status, "errors"), count(status, "connections")));
  print_line("reads",
             fmt::format("{} from memory, {} from disk, {} partial, {} missed, {} passed",
                         count(hits, "memory"), count(hits, "disk"), count(hits, "partial"),
                         count(hits, "miss"), count(hits, "pass")));
  print_line("sent", fmt::format("{} from the cache, {} from upstream",
                                 bytes_text(status.at("sent_bytes").at("cache")),
                                 bytes_text(status.at("sent_bytes").at("upstream"))));
  const auto& fills = status.at("fills");
  print_line("fills",
             fmt::format("{} running, {} readers wait; {} failed", count(fills, "running"),
                         count(fills, "waiting_readers"), count(fills.at("ended"), "failed")));
}

void print_upstream(const Json& upstream) {
  const auto outages = upstream.at("outages").get<std::uint64_t>();
  print_line("upstream", fmt::format("{}; {} requests, {} without an answer; {} received",
                                     outages > 0 ? "DOES NOT ANSWER" : "answers",
                                     upstream.at("requests").get<std::uint64_t>(),
                                     upstream.at("unanswered").get<std::uint64_t>(),
                                     bytes_text(upstream.at("received_bytes"))));
  for (const auto& budget : upstream.at("budgets")) {
    print_line(
        "budget",
        fmt::format("{} requests left of \"{}\" ({})", budget.at("left").get<std::uint64_t>(),
                    budget.at("limit").get<std::string>(), budget.at("whose").get<std::string>()));
  }
}

}  // namespace

void add_status_command(CLI::App& app, StatusArguments& arguments, Place& place) {
  auto* const command =
      app.add_subcommand("status", "Say how the server is; exit code 3 when none runs");
  add_place(*command, place);
  command->add_flag("--json", arguments.json, "For programs");
  command->callback([&arguments] { arguments.asked = true; });
  command->footer(
      "Example: hubcache status --json | jq .hits\n"
      "Example: hubcache status --server https://hub.example.org --login-file ~/.hubcache-login");
}

int run_status_arguments(const Workplace& at, const StatusArguments& arguments) {
  Json status;
  try {
    status = order_command(at, {{"do", "status"}});
  } catch (const Error& error) {
    if (at.server == nullptr || error.kind() != Error::Kind::kUnavailable) throw;
    if (arguments.json) std::cout << Json{{"running", false}} << "\n";
    std::cerr << "hubcache: " << printable(error.what()) << "\n";
    return kNotRunning;
  }
  const bool running = status.at("running").get<bool>();
  if (arguments.json) {
    std::cout << status.dump() << "\n";
    return running ? 0 : kNotRunning;
  }
  const auto version = status.at("version").get<std::string>();
  if (running) {
    std::cout << "hubcache " << version << " runs for "
              << up_text(status.at("uptime_seconds").get<std::uint64_t>()) << "\n";
  } else {
    std::cout << "no server runs on " << at.config.storage.data_dir << "\n";
  }
  print_disk(status);
  if (!running) return kNotRunning;
  print_traffic(status);
  print_upstream(status.at("upstream"));
  return 0;
}

}  // namespace hubcache::app
