#include "hubcache/base/digest.h"

#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "hubcache/base/sha256.h"

namespace hubcache {
namespace {

Digest hash(Digest::Algorithm algorithm, std::string_view text) {
  Hasher hasher(algorithm, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.finish();
}

TEST(DigestTest, GitBlobHashesHeaderAndBytes) {
  // What `printf hello | git hash-object --stdin` prints.
  EXPECT_EQ(hash(Digest::Algorithm::kGitSha1, "hello").hex(),
            "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
  EXPECT_EQ(hash(Digest::Algorithm::kGitSha1, "").hex(),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST(DigestTest, Sha256IsOfTheBytesAlone) {
  EXPECT_EQ(hash(Digest::Algorithm::kSha256, "abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abc"), hash(Digest::Algorithm::kSha256, "abc"));
}

TEST(DigestTest, MaskedOrOddTextIsNoDigest) {
  EXPECT_FALSE(Digest::from_etag(std::string(64, '*')));
  EXPECT_FALSE(Digest::from_etag("abc"));
  EXPECT_FALSE(Digest::from_etag(""));
  EXPECT_FALSE(Digest::parse(Digest::Algorithm::kGitSha1, std::string(64, 'a')));
}

TEST(DigestTest, ItsTextIsReadBackAndNothingElse) {
  const auto digest = Digest::from_etag(std::string(64, 'a')).value();
  EXPECT_EQ(Digest::from_text(digest.text()), digest);
  EXPECT_FALSE(Digest::from_text(digest.hex()));
  EXPECT_FALSE(Digest::from_text("gitsha1:" + digest.hex()));
  EXPECT_FALSE(Digest::from_text("sha256:"));
  EXPECT_FALSE(Digest::from_text(""));
}

TEST(DigestTest, UpperCaseIsTheSameDigest) {
  EXPECT_EQ(Digest::from_etag(std::string(40, 'A')), Digest::from_etag(std::string(40, 'a')));
}

TEST(DigestTest, KeyedHashDependsOnTheKey) {
  EXPECT_NE(keyed_hash("k1", "hf_token"), keyed_hash("k2", "hf_token"));
  EXPECT_EQ(keyed_hash("k1", "hf_token").size(), 64u);
}

TEST(HexTest, WhatWasWrittenIsReadAgainInEitherCase) {
  const std::string bytes("\x00\x7f\xab\xff", 4);
  EXPECT_EQ(to_hex(bytes), "007fabff");
  EXPECT_EQ(from_hex("007fabff"), bytes);
  EXPECT_EQ(from_hex("007FABff"), bytes);
  EXPECT_EQ(from_hex(""), "");
}

TEST(HexTest, AnythingElseIsNotRead) {
  for (const char* text : {"0", "007", "0g", "-1", "+1", " 1", "0x12", "12 "}) {
    EXPECT_EQ(from_hex(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hubcache
