#include "recorder.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/rest/rendering.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

constexpr const char* kLock = "shared:prn:core.domain:01900000-0000-7000-8000-000000000000";

}  // namespace

tasks::Record Recorder::make(const rest::Call& call, std::string name) {
  auto task = new_task(stamps_, std::move(name));
  task.correlation_id = call.correlation_id;
  task.created_by = root_ + "users/" + std::to_string(call.caller->id) + "/";
  task.locks = {kLock};
  return task;
}

rest::Reply Recorder::reply_with(const tasks::Record& task) const {
  return {.status = 202, .body = rest::to_text(rest::Json{{"task", href_of(root_, task)}})};
}

Task<rest::Reply> Recorder::finish(rest::Call call, std::string name,
                                   std::function<void(db::Connection&, tasks::Record&)> work) {
  auto run = [task = make(call, "pulpcore.app.tasks." + name),
              work = std::move(work)](db::Connection& sql) mutable {
    pulp::finish(task, tasks::State::kCompleted);
    work(sql, task);
    tasks::insert(sql, task);
    return task;
  };
  co_return reply_with(co_await database_.write_durable(std::move(run)));
}

Task<rest::Reply> Recorder::begin(rest::Call call, std::string name, std::string lock,
                                  rest::Json arguments) {
  auto task = make(call, std::move(name));
  task.locks.insert(task.locks.begin(), std::move(lock));
  task.arguments = rest::to_text(arguments);
  auto record = [task](db::Connection& sql) { tasks::insert(sql, task); };
  co_await database_.write_durable(std::move(record));
  tasks_.wake();
  co_return reply_with(task);
}

}  // namespace hubcache::pulp
