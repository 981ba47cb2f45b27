#include "hubcache/db/secrets.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/run.h"

namespace hubcache::db {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'500)};
constexpr SecretBox::Place kPlace{.table = "remotes", .row = "17", .field = "hf_token"};

class SecretsTest : public ::testing::Test {
 protected:
  static void expect_refused(const SecretBox& box, const std::string& sealed,
                             const SecretBox::Place& place = kPlace) {
    EXPECT_EQ(test::kind_thrown_by([&] { box.open(sealed, place); }), Error::Kind::kCorrupt)
        << sealed;
  }
  test::TempDir dir;
  SecretBox box{std::string(32, 'k')};
};

TEST_F(SecretsTest, OpensWhatItSealed) {
  for (const auto& secret : {std::string(), std::string("hf_token"), std::string("\0b\xff", 3)}) {
    EXPECT_EQ(box.open(box.seal(secret, kPlace), kPlace), secret);
  }
}

TEST_F(SecretsTest, TheTextShowsNothingAndDiffersEachTime) {
  const auto one = box.seal("hf_secret", kPlace);
  EXPECT_EQ(one.find("hf_secret"), std::string::npos);
  EXPECT_NE(one, box.seal("hf_secret", kPlace));
  EXPECT_TRUE(one.starts_with("v1."));
}

TEST_F(SecretsTest, ASecretIsBoundToItsTableRowAndField) {
  const auto sealed = box.seal("hf_secret", kPlace);
  expect_refused(box, sealed, {.table = "other", .row = "17", .field = "hf_token"});
  expect_refused(box, sealed, {.table = "remotes", .row = "18", .field = "hf_token"});
  expect_refused(box, sealed, {.table = "remotes", .row = "17", .field = "password"});
  expect_refused(box, sealed, {.table = "remotes1", .row = "7", .field = "hf_token"});
}

TEST_F(SecretsTest, AnythingElseIsRefused) {
  const auto sealed = box.seal("hf_secret", kPlace);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = changed[i] == '0' ? '1' : '0';
    expect_refused(box, changed);
  }
  for (const std::string text : {"", "v1", "v1...", "plain text", "v1.00.11.22"}) {
    expect_refused(box, text);
  }
  expect_refused(box, sealed.substr(0, sealed.size() - 2));
  expect_refused(SecretBox(std::string(32, 'j')), sealed);
}

TEST_F(SecretsTest, WhileAKeyIsChangedTheNewestSealsAndAllOpen) {
  const auto file = dir / "secrets.key";
  const auto before = SecretBox::load(file).seal("old", kPlace);
  SecretBox::add_key(file, kNow);
  const auto both = SecretBox::load(file);
  const auto after = both.seal("new", kPlace);
  EXPECT_EQ(both.open(before, kPlace), "old");
  EXPECT_EQ(both.open(after, kPlace), "new");
  SecretBox::drop_old_keys(file, kNow + SecretBox::kGrace + std::chrono::seconds(1));
  const auto newest = SecretBox::load(file);
  EXPECT_EQ(newest.open(after, kPlace), "new");
  expect_refused(newest, before);
  EXPECT_EQ(newest.derive("tokens"), both.derive("tokens"));
}

TEST_F(SecretsTest, AChangeThatIsBegunAgainAndAgainKeepsEveryKeyUntilItEnds) {
  const auto file = dir / "secrets.key";
  const auto first = SecretBox::load(file).seal("1", kPlace);
  for (int i = 0; i < 20; ++i) SecretBox::add_key(file, kNow + i * std::chrono::hours(1));
  EXPECT_EQ(SecretBox::load(file).open(first, kPlace), "1");
}

TEST_F(SecretsTest, AKeyThatWasReplacedIsKnownForAQuarterOfAnHour) {
  using std::chrono::minutes;
  const auto file = dir / "secrets.key";
  const auto first = SecretBox::load(file);
  EXPECT_TRUE(first.derive_replaced("tokens").empty());
  SecretBox::add_key(file, kNow);
  SecretBox::drop_old_keys(file, kNow);
  const auto second = SecretBox::load(file);
  const auto replaced = second.derive_replaced("tokens");
  ASSERT_EQ(replaced.size(), 1U);
  EXPECT_EQ(replaced[0].key, first.derive("tokens"));
  EXPECT_EQ(*replaced[0].replaced, kNow + std::chrono::milliseconds(500)) << "a whole second";
  EXPECT_NE(second.derive("tokens"), first.derive("tokens"));

  SecretBox::add_key(file, kNow + minutes(14));
  SecretBox::drop_old_keys(file, kNow + minutes(14));
  EXPECT_EQ(SecretBox::load(file).derive_replaced("tokens").size(), 2U);
  SecretBox::drop_old_keys(file, kNow + minutes(16));
  const auto left = SecretBox::load(file).derive_replaced("tokens");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].key, second.derive("tokens"));
}

TEST_F(SecretsTest, LabelsGiveDifferentKeys) {
  EXPECT_EQ(box.derive("tokens").size(), 32U);
  EXPECT_EQ(box.derive("tokens"), box.derive("tokens"));
  EXPECT_NE(box.derive("tokens"), box.derive("passwords"));
}

TEST_F(SecretsTest, AKeyIsMadeOnceForItsOwnerOnly) {
  const auto file = dir / "secrets.key";
  const auto sealed = SecretBox::load(file).seal("hf_secret", kPlace);
  EXPECT_EQ(SecretBox::load(file).open(sealed, kPlace), "hf_secret");
  struct stat about{};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
}

TEST_F(SecretsTest, AKeyEverybodyCanReadIsRefused) {
  const auto file = dir / "secrets.key";
  SecretBox::load(file);
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  EXPECT_EQ(test::kind_thrown_by([&] { SecretBox::load(file); }), Error::Kind::kForbidden);
}

TEST_F(SecretsTest, AFileThatHoldsNoKeyIsRefused) {
  const auto file = dir / "secrets.key";
  const std::string key(64, 'a');
  for (const auto& text : {std::string("abc"), key + "\n\n", key + ' ', key + " x", key + " 1 ",
                           key + " -1", key + " 99999999999999"}) {
    std::ofstream(file) << text;
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(test::kind_thrown_by([&] { SecretBox::load(file); }), Error::Kind::kCorrupt) << text;
  }
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(test::kind_thrown_by([&] { SecretBox::load(file); }), Error::Kind::kCorrupt);
}

}  // namespace
}  // namespace hubcache::db
