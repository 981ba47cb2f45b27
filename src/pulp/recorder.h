#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hubcache/base/stamps.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/rest/json.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/tasks/record.h"

namespace hubcache::pulp {

/// What only one task may hold at a time.
inline constexpr const char* kOrphansLock = "pdrn:01900000-0000-7000-8000-000000000000:orphans";
inline constexpr const char* kRepairLock = "pdrn:01900000-0000-7000-8000-000000000000:repair";

/// Answers verbs with tasks. Callable from every worker; the services outlive it.
class Recorder {
 public:
  Recorder(const Services& services, std::string root)
      : database_(services.database),
        tasks_(services.tasks),
        stamps_(services.clock),
        root_(std::move(root)) {}

  /// 202 and a task that is over. `work`, in its transaction, may fill in what came of it. Names
  /// are those of Pulp's tasks, without what they all begin with.
  Task<rest::Reply> finish(rest::Call call, std::string name,
                           std::function<void(db::Connection&, tasks::Record&)> work);
  /// 202 and a task that the queue does when its turn comes, with these arguments. Its name is
  /// given in full.
  Task<rest::Reply> begin(rest::Call call, std::string name, std::string lock,
                          rest::Json arguments);

 private:
  tasks::Record make(const rest::Call& call, std::string name);
  rest::Reply reply_with(const tasks::Record& task) const;

  db::Database& database_;
  tasks::Queue& tasks_;
  Stamps stamps_;
  std::string root_;
};

}  // namespace hubcache::pulp
