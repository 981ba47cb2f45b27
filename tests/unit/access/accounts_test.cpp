#include "hubcache/access/accounts.h"

#include <chrono>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hubcache/access/password.h"
#include "hubcache/base/error.h"

#include "unit/access/accounts_fixture.h"

namespace hubcache::access {
namespace {

constexpr const char* kHere = "192.0.2.1";

class AccountsTest : public AccountsWorld {
 protected:
  AccountsTest() { restart(); }

  void restart() {
    accounts.reset();
    accounts = std::make_unique<Accounts>(runner.workers(), database, options(), clock, log);
  }
  Accounts::Options options() const {
    return {.failure_burst = 3,
            .failure_refill = std::chrono::seconds(10),
            .remembered = 4,
            .generated_file = dir / "admin-password"};
  }
  Login login(const std::string& name, const std::string& password, const char* from = kHere) {
    return runner.run(accounts->verify(name, password, from));
  }
  void set(const std::string& name, const std::string& password, Role role = Role::kAdmin) {
    runner.run(accounts->set_password(name, password, role));
  }
  std::string stored_hash(const std::string& name) {
    return database.read_now([&](db::Connection& sql) {
      auto row = sql.query("SELECT password FROM accounts WHERE name = ?1", name);
      return row.step() ? row.text(0) : std::string();
    });
  }
  void break_hash(const std::string& name) {
    database.write_now([&](db::Connection& sql) {
      sql.run("UPDATE accounts SET password = '!' WHERE name = ?1", name);
    });
  }

  std::unique_ptr<Accounts> accounts;
};

TEST_F(AccountsTest, TheRightPasswordNamesTheAccountAndItsRole) {
  set("admin", "correct horse");
  set("reader", "battery", Role::kDownloader);
  EXPECT_EQ(login("admin", "correct horse").account->role, Role::kAdmin);
  const auto reader = login("reader", "battery");
  EXPECT_EQ(reader.account->name, "reader");
  EXPECT_EQ(reader.account->role, Role::kDownloader);
}

TEST_F(AccountsTest, AWrongPasswordAndAnUnknownNameAreTheSame) {
  set("admin", "right");
  EXPECT_FALSE(login("admin", "wrong").account);
  EXPECT_FALSE(login("nobody", "right").account);
  EXPECT_FALSE(login("admin", "").account);
}

TEST_F(AccountsTest, PasswordsAreKeptAsYescryptWithASaltOfTheirOwn) {
  set("a", "same");
  set("b", "same");
  EXPECT_TRUE(stored_hash("a").starts_with("$y$"));
  EXPECT_NE(stored_hash("a"), stored_hash("b"));
}

TEST_F(AccountsTest, AVerifiedPasswordIsRememberedWithoutHashingAgain) {
  set("admin", "right");
  ASSERT_TRUE(login("admin", "right").account);
  break_hash("admin");  // whoever hashes now fails
  EXPECT_TRUE(login("admin", "right").account);
  EXPECT_FALSE(login("admin", "wrong").account);
}

TEST_F(AccountsTest, AChangedPasswordIsForgottenAtOnce) {
  set("admin", "old");
  ASSERT_TRUE(login("admin", "old").account);
  set("admin", "new");
  EXPECT_FALSE(login("admin", "old").account);
  EXPECT_TRUE(login("admin", "new").account);
}

TEST_F(AccountsTest, WhatIsRememberedIsBounded) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    set(name, "p");
    ASSERT_TRUE(login(name, "p").account);
    break_hash(name);
  }
  EXPECT_FALSE(login("a", "p", "192.0.2.9").account);  // the least recent one is gone
  EXPECT_TRUE(login("e", "p").account);
}

TEST_F(AccountsTest, SecurityRule22FailedLoginsAreLimitedPerAddressBeforeHashing) {
  set("admin", "right");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(login("admin", "wrong").retry_after.count(), 0);
  const auto refused = login("admin", "right");
  EXPECT_FALSE(refused.account);
  EXPECT_GT(refused.retry_after.count(), 0);
  EXPECT_TRUE(login("admin", "right", "192.0.2.2").account);
  clock.advance(std::chrono::seconds(11));
  EXPECT_TRUE(login("admin", "right").account);
}

TEST_F(AccountsTest, AFullMemoryOfPasswordsIsNoPlaceToGuessForFree) {
  set("admin", "right");
  ASSERT_TRUE(login("admin", "right").account);
  for (int i = 0; i < 3; ++i) login("admin", "wrong");
  EXPECT_GT(login("admin", "right").retry_after.count(), 0);
}

TEST_F(AccountsTest, SuccessCostsNothingOfTheLimit) {
  set("admin", "right");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(login("admin", "right").account);
  restart();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(login("admin", "right").account);
}

TEST_F(AccountsTest, ManyAddressesDoNotMakeTheLimitsGrow) {
  set("admin", "right");
  for (int i = 0; i < 3; ++i) login("admin", "wrong", "198.51.100.1");
  for (int i = 0; i < 20; ++i) {
    login("admin", "wrong", ("203.0.113." + std::to_string(i)).c_str());
  }
  // The one that failed most is the last to be forgotten.
  EXPECT_GT(login("admin", "right", "198.51.100.1").retry_after.count(), 0);
}

TEST(LimitedAddressTest, SecurityRule22AnIpv6ClientIsItsNetworkOf64Bits) {
  EXPECT_EQ(limited_address("2001:db8:1:2:3:4:5:6"), limited_address("2001:db8:1:2:ffff::1"));
  EXPECT_NE(limited_address("2001:db8:1:2::1"), limited_address("2001:db8:1:3::1"));
  EXPECT_EQ(limited_address("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(limited_address("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(limited_address("unix"), "unix");
}

TEST_F(AccountsTest, SecurityRule22TooManyLoginsWaitingAreTurnedAway) {
  set("admin", "right");
  auto narrow = options();
  narrow.hashing_queue = 1;
  narrow.failure_burst = 100;
  Accounts busy(runner.workers(), database, narrow, clock, log);
  std::vector<std::future<Login>> logins;
  for (int i = 0; i < 12; ++i) {
    logins.push_back(runner.start(busy.verify("admin", "wrong" + std::to_string(i), kHere)));
  }
  int refused = 0;
  for (auto& pending : logins) {
    try {
      pending.get();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kUnavailable);
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(AccountsTest, ThoseWhoComeAtOnceWithOnePasswordAllPass) {
  set("admin", "right");
  auto narrow = options();
  narrow.hashing_queue = 1;
  narrow.failure_burst = 2;
  Accounts busy(runner.workers(), database, narrow, clock, log);
  std::vector<std::future<Login>> logins;
  for (int i = 0; i < 50; ++i) {
    logins.push_back(
        runner.start(busy.verify("admin", "right", kHere), static_cast<std::size_t>(i % 2)));
  }
  for (auto& pending : logins) EXPECT_TRUE(pending.get().account);
}

TEST_F(AccountsTest, ThoseWhoComeAtOnceWithOneWrongPasswordAreCountedEach) {
  set("admin", "right");
  auto few = options();
  few.failure_burst = 3;
  Accounts strict(runner.workers(), database, few, clock, log);
  std::vector<std::future<Login>> logins;
  for (int i = 0; i < 20; ++i) logins.push_back(runner.start(strict.verify("admin", "no", kHere)));
  int limited = 0;
  for (auto& pending : logins) {
    const auto login = pending.get();
    EXPECT_FALSE(login.account);
    if (login.retry_after.count() > 0) ++limited;
  }
  EXPECT_EQ(limited, 17);
}

TEST_F(AccountsTest, SecurityRule22UnknownNamesCostAHashToo) {
  // A name nobody has takes the hashing pool as a known one does: with the pool's queue full both
  // are turned away.
  auto none = options();
  none.hashing_queue = 0;
  Accounts closed(runner.workers(), database, none, clock, log);
  const auto kind = test::kind_thrown_by([&] { runner.run(closed.verify("nobody", "x", kHere)); });
  EXPECT_EQ(kind, Error::Kind::kUnavailable);
}

TEST_F(AccountsTest, AnAdministratorIsGeneratedOnceIntoAPrivateFile) {
  const auto generated = accounts->ensure_admin(std::nullopt);
  ASSERT_TRUE(generated);
  std::ifstream file(dir / "admin-password");
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, *generated);
  struct stat info{};
  ASSERT_EQ(::stat((dir / "admin-password").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_TRUE(login("admin", *generated).account);
  EXPECT_FALSE(accounts->ensure_admin(std::nullopt));
}

TEST_F(AccountsTest, SecurityRule23TheGeneratedPasswordFileGoesAtTheFirstChange) {
  ASSERT_TRUE(accounts->ensure_admin(std::nullopt));
  set("somebody", "else");
  EXPECT_TRUE(std::filesystem::exists(dir / "admin-password"));
  set("admin", "chosen");
  EXPECT_FALSE(std::filesystem::exists(dir / "admin-password"));
}

TEST_F(AccountsTest, AGivenPasswordIsAppliedAtEachStart) {
  ASSERT_TRUE(accounts->ensure_admin(std::nullopt));
  EXPECT_FALSE(accounts->ensure_admin("from the environment"));
  EXPECT_TRUE(login("admin", "from the environment").account);
  EXPECT_FALSE(std::filesystem::exists(dir / "admin-password"));
  const auto before = stored_hash("admin");
  accounts->ensure_admin("from the environment");
  EXPECT_EQ(stored_hash("admin"), before);
}

TEST_F(AccountsTest, NamesAndPasswordsThatBasicCannotCarryAreRefused) {
  for (const char* name : {"", "with:colon", "with\nnewline"}) {
    EXPECT_EQ(test::kind_thrown_by([&] { set(name, "p"); }), Error::Kind::kBadRequest) << name;
  }
  EXPECT_EQ(test::kind_thrown_by([&] { set("a", ""); }), Error::Kind::kBadRequest);
  EXPECT_EQ(test::kind_thrown_by([&] { set("a", std::string(600, 'x')); }),
            Error::Kind::kBadRequest);
}

TEST(PasswordTest, GeneratedPasswordsAreLongAndDiffer) {
  const auto one = generate_password();
  EXPECT_EQ(one.size(), 24U);
  EXPECT_NE(one, generate_password());
}

TEST(PasswordTest, WhatIsNoHashMatchesNothing) {
  EXPECT_FALSE(password_matches("x", ""));
  EXPECT_FALSE(password_matches("x", "!"));
  EXPECT_FALSE(password_matches("x", "x"));
}

}  // namespace
}  // namespace hubcache::access
