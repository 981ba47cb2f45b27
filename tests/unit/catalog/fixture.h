#pragma once

#include <memory>
#include <span>
#include <vector>

#include "hubcache/base/error.h"
#include "hubcache/db/database.h"

#include "support/clock.h"
#include "unit/hub/fixture.h"

namespace hubcache::test {

/// The simulated Hub, a database with the tables of these steps, and a clock that the test moves;
/// two workers.
class KnowledgeFixture : public hub::HubFixture {
 protected:
  explicit KnowledgeFixture(std::initializer_list<std::span<const db::Migration>> modules) {
    std::vector<db::Migration> steps;
    for (const auto& module : modules) steps.insert(steps.end(), module.begin(), module.end());
    database =
        std::make_unique<db::Database>(db::Database::Options{.file = dir / "test.db"}, steps, log);
  }
  ~KnowledgeFixture() override { runner.stop(); }

  /// What was sent to the workers has arrived there, what was to be written is written.
  void settle() {
    for (std::size_t i = 0; i < runner.workers().size(); ++i) runner.call([] {}, i);
    database->write_now([](db::Connection& /*sql*/) {});
  }

  TempDir dir;
  FakeClock time;
  std::unique_ptr<db::Database> database;
};

/// The Error that `act` throws; fails the test when it throws none.
template <typename F>
Error error_of(F act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return {Error::Kind::kInternal, "none"};
}

}  // namespace hubcache::test
