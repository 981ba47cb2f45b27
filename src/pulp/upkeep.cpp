// What operators have done to the whole cache: verbs that take their time, and so are tasks.
#include <chrono>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/mirror/orphans.h"
#include "hubcache/mirror/repair.h"
#include "hubcache/mirror/verify.h"

#include "recorder.h"
#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;

constexpr const char* kCleanUpOrphans = "pulpcore.app.tasks.orphan.orphan_cleanup";
constexpr const char* kRepair = "pulpcore.app.tasks.repository.repair_all_artifacts";
constexpr const char* kVerify = "hubcache.mirror.verify";
constexpr std::int64_t kProtectionMinutes = 24 * 60;
constexpr double kMostMinutes = 4'294'967'295;
constexpr double kFastest = 1e15;  // bytes a second

rest::Action clean_up_orphans(const Services& services, const std::shared_ptr<Recorder>& recorder) {
  auto handle = [&database = services.database, recorder](
                    rest::Call call, std::shared_ptr<const Json> values) -> Task<rest::Reply> {
    auto name = [values](db::Connection& sql) {
      return entry_keys(sql, values->at("content_hrefs"));
    };
    const auto entries = co_await database.read(std::move(name));
    const auto& minutes = values->at("orphan_protection_time");
    const Json arguments{{"protection", minutes.is_null() ? Json(kProtectionMinutes) : minutes},
                         {"entries", entries}};
    co_return co_await recorder->begin(call, kCleanUpOrphans, kOrphansLock, arguments);
  };
  return {
      .path = "orphans/cleanup/",
      .operation = "orphans_cleanup_cleanup",
      .fields =
          {rest::uris("content_hrefs", std::string(kContentKind)),
           rest::integer("orphan_protection_time").nullable().at_least(0).at_most(kMostMinutes)},
      .handle = handle};
}

/// The older way to ask for the same.
rest::View delete_orphans(const std::shared_ptr<Recorder>& recorder) {
  return {.path = "orphans/",
          .methods = {"DELETE"},
          .handle =
              [recorder](rest::Call call) {
                const Json arguments{{"protection", kProtectionMinutes},
                                     {"entries", Json::array()}};
                return recorder->begin(std::move(call), kCleanUpOrphans, kOrphansLock, arguments);
              },
          .operations = {"orphans_delete"},
          .status = 202};
}

rest::Action repair(const std::shared_ptr<Recorder>& recorder) {
  return {.path = "repair/",
          .operation = "repair_post",
          .fields = {rest::boolean("verify_checksums").fallback(true)},
          .handle = [recorder](rest::Call call, const std::shared_ptr<const Json>& values) {
            return recorder->begin(std::move(call), kRepair, kRepairLock, *values);
          }};
}

/// Pulp has no such verb: what repair does without asking upstream.
rest::Action verify(const std::shared_ptr<Recorder>& recorder) {
  return {.path = "verify/",
          .operation = "verify_post",
          .fields = {rest::integer("rate").nullable().at_least(0).at_most(kFastest)},
          .handle = [recorder](rest::Call call, const std::shared_ptr<const Json>& values) {
            return recorder->begin(std::move(call), kVerify, kRepairLock, *values);
          }};
}

mirror::OrphanRules orphan_rules(const std::string& arguments) {
  const auto values = Json::parse(arguments);
  return {.protection = std::chrono::minutes(values.at("protection").get<std::int64_t>()),
          .entries = values.at("entries").get<std::vector<std::string>>()};
}

}  // namespace

std::vector<rest::Action> upkeep(const Services& services, const std::string& root) {
  const auto recorder = std::make_shared<Recorder>(services, root);
  return {clean_up_orphans(services, recorder), repair(recorder), verify(recorder)};
}

std::vector<rest::View> upkeep_views(const Services& services, const std::string& root) {
  return {delete_orphans(std::make_shared<Recorder>(services, root))};
}

void define_tasks(tasks::Queue& queue, const Upkeep& with) {
  queue.define(kCleanUpOrphans, [with](tasks::Run& run) {
    return mirror::clean_up_orphans(with.database, with.store, with.clock,
                                    orphan_rules(run.arguments()), run);
  });
  queue.define(kRepair, [with](tasks::Run& run) {
    const bool verify = Json::parse(run.arguments()).at("verify_checksums").get<bool>();
    return mirror::repair(with.repair, verify, run);
  });
  queue.define(kVerify, [&store = with.store](tasks::Run& run) {
    const auto rate = Json::parse(run.arguments()).at("rate");
    return mirror::verify(store, rate.is_null() ? 0 : rate.get<std::uint64_t>(), run);
  });
}

}  // namespace hubcache::pulp
