#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/hub/hub.h"

namespace hubcache::registry {

enum class Policy : std::uint8_t { kImmediate, kOnDemand, kStreamed };

/// An upstream hub and how to reach it.
struct Remote {
  std::string id;
  std::string name;
  Policy policy = Policy::kOnDemand;
  hub::EndpointPtr endpoint;
  int rate_limit = 0;  // requests a second; 0: none
};

/// Who may use a distribution at all: a content guard of Pulp's.
struct Guard {
  enum class Kind : std::uint8_t { kRbac, kHeader, kRedirect, kComposite };
  std::string id;
  std::string name = {};
  Kind kind = Kind::kComposite;
  std::vector<std::int64_t> accounts = {};  // kRbac: who may, beside administrators
  std::string header_name = {};             // kHeader: the base64 of this header...
  std::string header_value = {};            // ...is this...
  std::string jq_filter = {};               // ...where this leads to in it; empty: all of it
  std::string secret = {};                  // kRedirect: what signatures are made with
  std::vector<std::string> guards = {};     // kComposite: ids; one is enough, none is too
};

/// Makes a remote reachable under `/pulp/content/<base_path>/`.
struct Distribution {
  std::string id;
  std::string name;
  std::string base_path;                     // decoded; without slashes at its ends
  std::optional<std::string> remote;         // a remote's id
  std::optional<std::string> content_guard;  // a guard's id
  bool hidden = false;                       // left out of listings only
};

/// Where a content path leads. Pointers are good as long as the snapshot; `rest` as long as the
/// path that was matched.
struct Match {
  const Distribution* distribution = nullptr;
  const Remote* remote = nullptr;  // null: the distribution points to none
  std::string_view rest;           // what follows the base_path and its slash, still encoded
};

/// All remotes, distributions and guards at one time. Immutable: read it from any thread.
class Snapshot {
 public:
  template <typename T>
  using Shelf = std::vector<std::shared_ptr<const T>>;  // in the order of their ids

  /// `root` is the id of the root distribution, if there is one. Of two snapshots of one database
  /// the later has the higher `version`.
  Snapshot(std::uint64_t version, std::vector<Remote> remotes,
           std::vector<Distribution> distributions, const std::optional<std::string>& root,
           std::vector<Guard> guards = {});
  ~Snapshot() = default;
  /// This one with the given things in place of those of their ids or beside them, and without
  /// what else has an id in `changed`. All that stays is shared.
  std::shared_ptr<const Snapshot> with(std::uint64_t version, const std::set<std::string>& changed,
                                       std::vector<Remote> remotes,
                                       std::vector<Distribution> distributions,
                                       const std::optional<std::string>& root,
                                       std::vector<Guard> guards) const;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  /// The distribution with the longest base_path that begins `raw_path` on whole segments.
  /// `raw_path` is what follows `/pulp/content/`, still encoded; a segment with a bad escape or an
  /// encoded slash matches nothing.
  std::optional<Match> match(std::string_view raw_path) const;
  /// The root distribution, `rest` empty; nullopt when it was deleted.
  std::optional<Match> root() const;

  std::uint64_t version() const noexcept { return version_; }
  /// All distributions, a view that is good as long as this.
  auto distributions() const {
    return distributions_ |
           std::views::transform([](const auto& shared) -> const Distribution& { return *shared; });
  }
  const Remote* remote(std::string_view id) const;
  const Guard* guard(std::string_view id) const;

 private:
  Snapshot(std::uint64_t version, Shelf<Remote> remotes, Shelf<Distribution> distributions,
           const std::optional<std::string>& root, Shelf<Guard> guards);
  Match match_of(const Distribution& distribution, std::string_view rest) const;

  std::uint64_t version_;
  Shelf<Remote> remotes_;
  Shelf<Distribution> distributions_;
  Shelf<Guard> guards_;
  std::unordered_map<std::string_view, const Distribution*> by_base_path_;
  const Distribution* root_ = nullptr;
  std::size_t deepest_ = 0;  // segments of the deepest base_path
};

/// The current snapshot, one reference a worker, so that a request takes it without a lock and
/// without touching what other workers touch.
class Registry {
 public:
  /// Before the workers start.
  Registry(Workers& workers, const std::shared_ptr<const Snapshot>& first);

  /// On that worker only. A request keeps what it got to its end.
  std::shared_ptr<const Snapshot> current(std::size_t worker) const {
    return slots_[worker].snapshot;
  }
  /// Returns when every worker has this snapshot or a later one. From any worker.
  Task<> publish(std::shared_ptr<const Snapshot> next);

 private:
  struct alignas(64) Slot {
    std::shared_ptr<const Snapshot> snapshot;
  };
  Task<> swap(std::size_t worker, std::shared_ptr<const Snapshot> next);

  Workers& workers_;
  std::vector<Slot> slots_;
};

}  // namespace hubcache::registry
