#include "hubcache/db/secrets.h"

#include "fixture.h"

namespace hubcache::pulp {
namespace {

using DatedKey = db::SecretBox::DatedKey;

TEST_F(PulpTest, WhatIsSealedAnewOpensWithTheNewKeyAlone) {
  const auto remote =
      make_remote("a", R"(,"hf_token":"hf_x","password":"p","headers":[{"A":"b"}])");
  const auto task = ask("PATCH", remote, R"({"policy":"streamed"})").body.value("task", "");
  const std::string old_key(32, 'k');
  const std::string new_key(32, 'n');
  const db::SecretBox both(std::vector{DatedKey{.key = new_key}, DatedKey{.key = old_key}});
  const auto count = database->write_now([&](db::Connection& sql) { return reseal(sql, both); });
  EXPECT_EQ(count, 4U);  // three fields and the result of the task

  EXPECT_THROW(ask("GET", remote), Error);  // with the old key
  stop();
  secrets = db::SecretBox(new_key);
  start();
  EXPECT_EQ(ask("GET", remote).body["hf_token"], "hf_x");
  EXPECT_EQ(endpoint(remote)->password, "p");
  EXPECT_EQ(ask("GET", task).body["result"]["hf_token"], "hf_x");
}

TEST_F(PulpTest, WhatNoKeySealedIsNotSealedAnewAndNothingElseIsEither) {
  make_remote("a", R"(,"hf_token":"hf_x")");
  const db::SecretBox others(
      std::vector{DatedKey{.key = std::string(32, 'n')}, DatedKey{.key = std::string(32, 'o')}});
  EXPECT_EQ(test::kind_thrown_by([&] {
              database->write_now([&](db::Connection& sql) { return reseal(sql, others); });
            }),
            Error::Kind::kCorrupt);
}

}  // namespace
}  // namespace hubcache::pulp
