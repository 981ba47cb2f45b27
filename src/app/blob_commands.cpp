#include "hubcache/app/blob_commands.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/mirror/orphans.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

Digest digest_of(const std::string& text) {
  auto digest = Digest::from_text(text);
  if (!digest) digest = Digest::from_etag(text);
  if (digest) return *std::move(digest);
  throw Error(Error::Kind::kBadRequest,
              '"' + text + R"(" is no digest: allowed is what `hubcache ls` prints)");
}

std::uint64_t number_in(const Json& command, const char* field) {
  const auto found = command.find(field);
  if (found != command.end() && found->is_number_unsigned()) return found->get<std::uint64_t>();
  throw Error(Error::Kind::kBadRequest, std::string("the command needs a whole ") + field);
}

std::string_view name_of(store::Check check) {
  switch (check) {
    case store::Check::kRight:
      return "right";
    case store::Check::kFalse:
      return "false";
    case store::Check::kMissing:
      return "missing";
    case store::Check::kUnknown:
      break;
  }
  return "unknown";
}

Task<Json> list(store::Store& store, Json command) {
  std::optional<Digest> after;
  if (command.contains("after")) after = digest_of(text_of(command, "after"));
  Json blobs = Json::array();
  for (const auto& blob : co_await store.list(std::move(after), store::Store::kPage)) {
    const auto used = std::chrono::floor<std::chrono::seconds>(blob.used);
    blobs.push_back({{"digest", blob.digest.text()},
                     {"size", blob.size},
                     {"on_disk", blob.on_disk},
                     {"used", used.time_since_epoch().count()},
                     {"pinned", blob.pinned}});
  }
  Json result{{"blobs", std::move(blobs)}};
  co_return result;
}

Task<Json> check(Workbench bench, Json command) {
  const std::uint64_t rate = command.contains("rate") ? number_in(command, "rate") : 0;
  const auto digest = digest_of(text_of(command, "digest"));
  const auto check = co_await bench.store.check(digest, rate);
  Json result{{"is", name_of(check)}};
  if (store::is_gone(check)) result["refetched"] = bench.refetch && co_await bench.refetch(digest);
  co_return result;
}

/// Keeps how many were removed.
class Removals final : public tasks::Run {
 public:
  const std::string& arguments() const override { return nothing_; }
  void report(tasks::Report report) override { done_[report.code] = report.done; }
  std::int64_t of(const std::string& code) const {
    const auto found = done_.find(code);
    return found == done_.end() ? 0 : found->second;
  }

 private:
  std::string nothing_;
  std::map<std::string, std::int64_t> done_;
};

Task<Json> collect_garbage(Workbench bench, Json command) {
  const mirror::OrphanRules rules{
      .protection = std::chrono::minutes(number_in(command, "protection_minutes"))};
  Removals removals;
  co_await mirror::clean_up_orphans(bench.database, bench.store, bench.clock, rules, removals);
  Json result{{"content", removals.of("clean-up.content")},
              {"blobs", removals.of("clean-up.artifacts")}};
  co_return result;
}

}  // namespace

Task<Json> run_blob_command(Workbench bench, Json command) {
  const auto verb = text_of(command, "do");
  Json result = Json::object();
  if (verb == "blob.list") co_return co_await list(bench.store, std::move(command));
  if (verb == "blob.check") co_return co_await check(std::move(bench), std::move(command));
  if (verb == "gc") co_return co_await collect_garbage(bench, std::move(command));
  if (verb == "blob.remove") {
    result["removed"] = co_await bench.store.remove(digest_of(text_of(command, "digest")));
  } else if (verb == "blob.pin") {
    co_await bench.store.pin(digest_of(text_of(command, "digest")), kOperator);
  } else if (verb == "blob.unpin") {
    co_await bench.store.unpin(digest_of(text_of(command, "digest")), kOperator);
  } else {
    throw Error(Error::Kind::kBadRequest, "there is no command \"" + verb + "\"");
  }
  co_return result;
}

}  // namespace hubcache::app
