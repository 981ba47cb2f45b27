#include "hubcache/xet/tokens.h"

#include <gtest/gtest.h>

namespace hubcache::xet {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::days(20'000) + 5h};

class TokensTest : public testing::Test {
 protected:
  static Claims claims() {
    return {.distribution = "7",
            .scope = "remote/3",
            .repo = {.type = hub::RepoType::kDataset, .name = "org/name"},
            .commit = std::string(40, 'c'),
            .caller = "some hash",
            .authorization = "Bearer hf_secret",
            .path = "a: b\n/\xff.bin",
            .xorb = 12'345'678'901,
            .whole = true,
            .issued = kNow,
            .expires = kNow + 15min};
  }
  const db::SecretBox secrets_{std::string(32, 'k')};
  const Tokens tokens_{secrets_};
};

TEST_F(TokensTest, WhatIsMadeIsReadAgain) {
  const auto made = claims();
  const auto read = tokens_.read(tokens_.make(made), kNow + 1min);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->distribution, made.distribution);
  EXPECT_EQ(read->scope, made.scope);
  EXPECT_EQ(read->repo, made.repo);
  EXPECT_EQ(read->commit, made.commit);
  EXPECT_EQ(read->caller, made.caller);
  EXPECT_EQ(read->authorization, made.authorization);
  EXPECT_EQ(read->path, made.path);
  EXPECT_EQ(read->xorb, made.xorb);
  EXPECT_EQ(read->whole, made.whole);
  EXPECT_EQ(read->issued, made.issued);
  EXPECT_EQ(read->expires, made.expires);
}

TEST_F(TokensTest, ItFitsIntoAUrlAndIsNeverForwarded) {
  const auto token = tokens_.make(claims());
  EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_."),
            std::string::npos);
  EXPECT_TRUE(token.starts_with("hc_"));  // as access::kOwnTokenPrefix
}

TEST_F(TokensTest, ItIsGoodAcrossRestartsForItsTimeOnly) {
  const auto token = tokens_.make(claims());
  const db::SecretBox same(std::string(32, 'k'));
  EXPECT_TRUE(Tokens(same).read(token, kNow));
  EXPECT_TRUE(Tokens(same).read(token, kNow + 15min - 1ms));
  EXPECT_FALSE(Tokens(same).read(token, kNow + 15min));
  EXPECT_FALSE(Tokens(same).read(token, kNow - 1ms));
  const db::SecretBox other(std::string(32, 'o'));
  EXPECT_FALSE(Tokens(other).read(token, kNow));
}

TEST_F(TokensTest, NoneLastsLongerThanAQuarterOfAnHour) {
  auto longer = claims();
  longer.expires += 1ms;
  EXPECT_FALSE(tokens_.read(tokens_.make(longer), kNow));
}

TEST_F(TokensTest, ATokenOfTheDayBeforeIsGoodToItsEnd) {
  auto late = claims();
  late.issued = std::chrono::ceil<std::chrono::days>(kNow) - 1min;
  late.expires = late.issued + 15min;
  const auto token = tokens_.make(late);
  EXPECT_TRUE(tokens_.read(token, late.issued + 14min));
  EXPECT_FALSE(tokens_.read(token, late.expires));
}

TEST_F(TokensTest, EachDayHasAKeyOfItsOwn) {
  auto next = claims();
  next.issued += 24h;
  next.expires += 24h;
  const auto today = tokens_.make(claims());
  const auto tomorrow = tokens_.make(next);
  const auto mixed = tomorrow.substr(0, tomorrow.find('.')) + today.substr(today.find('.'));
  EXPECT_TRUE(tokens_.read(tomorrow, next.issued));
  EXPECT_FALSE(tokens_.read(mixed, next.issued));
}

TEST_F(TokensTest, OneFromBeforeTheKeyWasReplacedIsGoodToItsEnd) {
  using DatedKey = db::SecretBox::DatedKey;
  const auto with_replaced_at = [](WallTime time) {
    return db::SecretBox(std::vector{DatedKey{.key = std::string(32, 'n')},
                                     DatedKey{.key = std::string(32, 'k'), .replaced = time}});
  };
  const auto token = tokens_.make(claims());
  const auto secrets = with_replaced_at(kNow + 1s);
  const auto read = Tokens(secrets).read(token, kNow + 15min - 1ms);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->authorization, claims().authorization);
  EXPECT_FALSE(Tokens(secrets).read(token, kNow + 15min));
  // What says that it is from after it was made by who should have the key no more.
  const auto before = with_replaced_at(kNow);
  EXPECT_FALSE(Tokens(before).read(token, kNow));
  // New ones are made with the new key.
  const db::SecretBox newest(std::string(32, 'n'));
  EXPECT_TRUE(Tokens(newest).read(Tokens(secrets).make(claims()), kNow));
}

TEST_F(TokensTest, AnyChangeMakesItNoToken) {
  const auto token = tokens_.make(claims());
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens_.read(changed, kNow)) << i;
    EXPECT_FALSE(tokens_.read(token.substr(0, i), kNow)) << i;
  }
  EXPECT_FALSE(tokens_.read("", kNow));
  EXPECT_FALSE(tokens_.read("hc_xet1_.", kNow));
}

TEST_F(TokensTest, TheCallersOwnTokenCannotBeReadFromIt) {
  const auto token = tokens_.make(claims());
  auto without = claims();
  without.authorization.clear();
  EXPECT_GT(token.size(), tokens_.make(without).size());
  EXPECT_NE(token, tokens_.make(claims()));  // encrypted anew each time
  const auto anonymous = tokens_.read(tokens_.make(without), kNow);
  ASSERT_TRUE(anonymous);
  EXPECT_EQ(anonymous->authorization, "");
}

}  // namespace
}  // namespace hubcache::xet
