#include "hubcache/access/tokens.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

#include "unit/access/accounts_fixture.h"

namespace hubcache::access {
namespace {

using namespace std::chrono_literals;
using ErrorKind = Error::Kind;

class TokensTest : public AccountsFixture {
 protected:
  TokensTest() {
    runner.run(accounts.set_password("admin", "pw", Role::kAdmin));
    runner.run(accounts.add("ci", "pw", Role::kDownloader));
  }

  std::string create(const std::string& name,
                     std::optional<std::chrono::milliseconds> lifetime = std::nullopt) {
    return runner.run(accounts.create_token("ci", name, lifetime));
  }
  /// The account the token stands for; "" when it is good for nothing.
  std::string owner(const std::string& token) {
    const Credentials credentials{
        .given = true, .complaint = {}, .name = {}, .password = {}, .token = token};
    const http::Request request{.peer = {.address = "192.0.2.1"}};
    const auto login = runner.run(accounts.verify(credentials, request));
    return login.account ? login.account->name : "";
  }
  std::vector<AccessToken> all() {
    return database.read_now([](db::Connection& sql) { return all_tokens(sql); });
  }
  template <typename T>
  ErrorKind failure_of(Task<T> task) {
    return test::kind_thrown_by([&] { runner.run(std::move(task)); });
  }
};

TEST_F(TokensTest, ATokenStandsForItsAccount) {
  const auto token = create("build");
  EXPECT_THAT(token, testing::MatchesRegex("hc_[0-9a-f]+"));
  EXPECT_EQ(token.size(), 67U);
  EXPECT_EQ(owner(token), "ci");
  EXPECT_EQ(owner(token), "ci");  // from memory
  EXPECT_EQ(owner(token + "0"), "");
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all().front().name, "build");
  EXPECT_EQ(all().front().account, "ci");
}

TEST_F(TokensTest, OnlyItsHashIsKept) {
  const auto token = create("build");
  const auto row = database.read_now([](db::Connection& sql) {
    auto rows = sql.query("SELECT name || hash FROM access_tokens");
    return rows.step() ? rows.text(0) : std::string();
  });
  EXPECT_EQ(row, "build" + token_hash(token));
  EXPECT_EQ(row.find(token.substr(3)), std::string::npos);
}

TEST_F(TokensTest, ARevokedTokenIsGoodForNothingAtOnce) {
  const auto token = create("build");
  const auto other = create("other");
  ASSERT_EQ(owner(token), "ci");
  runner.run(accounts.revoke_token("build"));
  EXPECT_EQ(owner(token), "");
  EXPECT_EQ(owner(other), "ci");
  EXPECT_EQ(failure_of(accounts.revoke_token("build")), ErrorKind::kNotFound);
}

TEST_F(TokensTest, ATokenExpiresThoughItIsRemembered) {
  const auto token = create("build", 1h);
  EXPECT_EQ(owner(token), "ci");
  clock.advance(59min);
  EXPECT_EQ(owner(token), "ci");
  clock.advance(1min);
  EXPECT_EQ(owner(token), "");
}

TEST_F(TokensTest, WrongTokensKeepNobodyElseOut) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(owner("hc_" + std::to_string(i)), "");
  EXPECT_TRUE(runner.run(accounts.verify("ci", "pw", "192.0.2.1")).account);
}

TEST_F(TokensTest, NamesAreTakenOnceAndAccountsMustExist) {
  create("build");
  EXPECT_EQ(failure_of(accounts.create_token("ci", "build", std::nullopt)), ErrorKind::kConflict);
  EXPECT_EQ(failure_of(accounts.create_token("nobody", "x", std::nullopt)), ErrorKind::kNotFound);
  EXPECT_EQ(failure_of(accounts.create_token("ci", "a\nb", std::nullopt)), ErrorKind::kBadRequest);
}

TEST_F(TokensTest, ARemovedAccountTakesItsTokensAlong) {
  const auto token = create("build");
  ASSERT_EQ(owner(token), "ci");
  runner.run(accounts.remove("ci"));
  EXPECT_EQ(owner(token), "");
  EXPECT_TRUE(all().empty());
  EXPECT_FALSE(runner.run(accounts.verify("ci", "pw", "192.0.2.1")).account);
  EXPECT_EQ(failure_of(accounts.remove("ci")), ErrorKind::kNotFound);
}

TEST_F(TokensTest, TheLastAdministratorStays) {
  EXPECT_EQ(failure_of(accounts.remove("admin")), ErrorKind::kConflict);
  runner.run(accounts.add("second", "pw", Role::kAdmin));
  runner.run(accounts.remove("admin"));
  EXPECT_EQ(failure_of(accounts.remove("second")), ErrorKind::kConflict);
}

TEST_F(TokensTest, AnAccountIsAddedOnceAndKeepsItsRoleWithANewPassword) {
  EXPECT_EQ(failure_of(accounts.add("ci", "new", Role::kAdmin)), ErrorKind::kConflict);
  runner.run(accounts.change_password("ci", "new"));
  EXPECT_FALSE(runner.run(accounts.verify("ci", "pw", "192.0.2.1")).account);
  EXPECT_EQ(runner.run(accounts.verify("ci", "new", "192.0.2.1")).account->role, Role::kDownloader);
  EXPECT_EQ(failure_of(accounts.change_password("nobody", "x")), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace hubcache::access
