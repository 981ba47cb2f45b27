#include "hubcache/app/status_command.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/version.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

/// Whole numbers out of a look at the metrics.
class Numbers {
 public:
  explicit Numbers(const obs::Families& families) : families_(families) {}
  std::uint64_t of(std::string_view name, std::string_view label = {},
                   std::string_view value = {}) const {
    return static_cast<std::uint64_t>(std::llround(families_.sum(name, label, value)));
  }
  /// One for each of the label's values.
  Json by(std::string_view name, const char* label,
          std::initializer_list<const char*> values) const {
    Json object = Json::object();
    for (const char* value : values) object[value] = of(name, label, value);
    return object;
  }

 private:
  const obs::Families& families_;
};

Json upstream_of(const obs::Families& all, const Numbers& number) {
  Json budgets = Json::array();
  for (const auto& family : all.all()) {
    if (family.name() != "hubcache_upstream_budget_left") continue;
    for (const auto& point : family.points()) {
      Json budget{{"left", static_cast<std::uint64_t>(point.value)}};
      for (const auto& [label, value] : point.labels) budget[label] = value;
      budgets.push_back(std::move(budget));
    }
  }
  return {{"requests", number.of("hubcache_upstream_requests_total")},
          {"unanswered", number.of("hubcache_upstream_requests_total", "status", "none")},
          {"received_bytes", number.of("hubcache_upstream_received_bytes_total")},
          {"outages", number.of("hubcache_upstream_outages")},
          {"budgets", std::move(budgets)}};
}

Json disk_of(const Numbers& number) {
  return {{"used", number.of("hubcache_store_used_bytes")},
          {"limit", number.of("hubcache_store_limit_bytes")},
          {"filesystem",
           {{"total", number.of("hubcache_filesystem_size_bytes")},
            {"used", number.of("hubcache_filesystem_used_bytes")},
            {"free", number.of("hubcache_filesystem_free_bytes")}}}};
}

Json status_of(const obs::Families& all, const Clock& clock) {
  const Numbers number(all);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch());
  const auto started = number.of("process_start_time_seconds");
  const auto seconds = static_cast<std::uint64_t>(now.count());
  const auto ended = number.by("hubcache_fills_total", "outcome",
                               {"stored", "parked", "corrupt", "disk", "failed"});
  return {{"running", true},
          {"version", std::string(version())},
          {"uptime_seconds", seconds > started ? seconds - started : 0},
          {"disk", disk_of(number)},
          {"blobs",
           {{"count", number.of("hubcache_blobs")}, {"bytes", number.of("hubcache_blobs_bytes")}}},
          {"requests", number.of("hubcache_requests_total")},
          {"hits",
           number.by("hubcache_hits_total", "kind", {"memory", "disk", "partial", "miss", "pass"})},
          {"sent_bytes",
           number.by("hubcache_sent_bytes_total", "source", {"cache", "upstream", "none"})},
          {"fills",
           {{"running", number.of("hubcache_fills_running")},
            {"waiting_readers", number.of("hubcache_waiting_readers")},
            {"ended", ended}}},
          {"upstream", upstream_of(all, number)},
          {"grants", number.by("hubcache_grants_total", "answer", {"granted", "refused", "stale"})},
          {"evicted_bytes", number.of("hubcache_evicted_bytes_total")},
          {"errors", number.of("hubcache_errors_total")},
          {"connections", number.of("hubcache_connections")},
          {"open_files", number.of("process_open_fds")}};
}

}  // namespace

Task<Json> run_status_command(Workbench bench) {
  if (bench.metrics != nullptr) {
    const auto all = co_await bench.metrics->look();
    co_return status_of(all, bench.clock);
  }
  const auto holdings = co_await bench.store.holdings();
  const auto disk = store::file_system_of(bench.store.options().data_dir);
  Json status{{"running", false},
              {"version", std::string(version())},
              {"disk",
               {{"used", bench.store.used()},
                {"filesystem", {{"total", disk.total}, {"used", disk.used}, {"free", disk.free}}}}},
              {"blobs", {{"count", holdings.blobs}, {"bytes", holdings.bytes}}}};
  co_return status;
}

}  // namespace hubcache::app
