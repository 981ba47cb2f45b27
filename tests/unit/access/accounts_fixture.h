#pragma once

#include <gtest/gtest.h>

#include "hubcache/access/accounts.h"
#include "hubcache/db/database.h"
#include "hubcache/obs/log.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::access {

/// A database for accounts, two workers, and a clock that the test moves.
class AccountsWorld : public testing::Test {
 protected:
  test::TempDir dir;
  test::FakeClock clock;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  test::Runner runner{2};
  db::Database database{{.file = dir / "test.db"}, account_migrations(), log};
};

/// And accounts of which an address may get three passwords wrong.
class AccountsFixture : public AccountsWorld {
 protected:
  Accounts accounts{runner.workers(), database,
                    Accounts::Options{.failure_burst = 3, .generated_file = dir / "pw"}, clock,
                    log};
};

}  // namespace hubcache::access
