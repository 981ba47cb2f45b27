#include "hubcache/mirror/bundle.h"

#include <string>

#include <gtest/gtest.h>

#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"

namespace hubcache::mirror {
namespace {

const std::string kBundleCommit(40, 'c');

Description a_description() {
  return {.repo = {.type = hub::RepoType::kDataset, .name = "org/data"},
          .names = {"data"},
          .commit = kBundleCommit,
          .revisions = {"main", "refs/pr/1"},
          .is_public = true,
          .info = R"({"gated":false,"likes":3,"private":false})",
          .files = {{{.path = "a b/\xc3\xa9.txt", .digest = sha256_of("x"), .size = 1}, false},
                    {{.path = "left", .digest = sha256_of("y"), .size = 7}, true}}};
}

void expect_refused(const std::string& text) {
  try {
    parse_description(text);
    ADD_FAILURE() << "taken: " << text.substr(0, 300);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kBadRequest) << error.what();
  }
}

std::string with(std::string text, const std::string& part, const std::string& other) {
  const auto at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), other);
}

TEST(BundleTest, ADescriptionReadsAsItWasWritten) {
  const auto before = a_description();
  const auto after = parse_description(to_text(before));
  EXPECT_EQ(after.repo, before.repo);
  EXPECT_EQ(after.names, before.names);
  EXPECT_EQ(after.commit, before.commit);
  EXPECT_EQ(after.revisions, before.revisions);
  EXPECT_TRUE(after.is_public);
  EXPECT_TRUE(after.whole);
  EXPECT_EQ(after.info, before.info);
  ASSERT_EQ(after.files.size(), 2U);
  EXPECT_EQ(after.files[0].path, before.files[0].path);
  EXPECT_EQ(after.files[0].digest, before.files[0].digest);
  EXPECT_EQ(after.files[1].size, 7U);
  EXPECT_TRUE(after.files[1].left_out);
}

TEST(BundleTest, NoNameIsTakenThatNoRequestCouldHave) {
  const auto text = to_text(a_description());
  for (const std::string path :
       {"../up", "a/../b", "a//b", "/a", "a/.", "", "a\\n/b", "a\\u0000"}) {
    expect_refused(with(text, " + a b/\xc3\xa9.txt", " + " + path));
  }
  for (const std::string repo : {"model/../x", "model/a/b/c", "model/", "model/datasets/x", "x",
                                 "bucket/a/b", "model/a b"}) {
    expect_refused(with(text, "dataset/org/data", repo));
  }
  expect_refused(with(text, "\"names\":[\"data\"]", "\"names\":[\"../x\"]"));
  expect_refused(with(text, "refs/pr/1", "../x"));
  expect_refused(with(text, "refs/pr/1", std::string(40, 'd')));  // another commit's id
  expect_refused(with(text, kBundleCommit, std::string(39, 'c')));
}

TEST(BundleTest, WhatIsTwiceTooLargeOrNoneIsRefused) {
  const auto text = to_text(a_description());
  expect_refused(with(text, " - left", " - a b/\xc3\xa9.txt"));
  for (const std::string size : {"-1", "18446744073709551616", "9999999999999999", "1x", "0x1"}) {
    expect_refused(with(text, " 7 - left", " " + size + " - left"));
  }
  expect_refused(with(text, " 7 - left", " 7 ? left"));
  expect_refused(with(text, "sha256:", "md5:"));
  expect_refused(with(text, "\"format\":1", "\"format\":2"));
  expect_refused("[" + text + "]");
  expect_refused(std::string(100'000, '['));
  expect_refused(with(text, "\"info\":{", "\"info\":[1],\"other\":{"));
  std::string many = "\"x\"";
  for (int i = 0; i < 200'001; ++i) many += ",\"x\"";
  expect_refused(with(text, "\"names\":[\"data\"]", "\"names\":[" + many + "]"));
}

TEST(BundleTest, WhatTheHubSaysCountsAgainstWhatTheExportSays) {
  const auto text = to_text(a_description());
  EXPECT_FALSE(parse_description(with(text, "\"gated\":false", "\"gated\":\"auto\"")).is_public);
  EXPECT_FALSE(parse_description(with(text, "\"private\":false", "\"private\":true")).is_public);
  EXPECT_FALSE(parse_description(with(text, "\"public\":true", "\"public\":false")).is_public);
}

TEST(BundleTest, ATornIndexIsNone) {
  const Index index{.items = {{.repo = {.type = hub::RepoType::kModel, .name = "o/r"},
                               .commit = kBundleCommit,
                               .description = sha256_of("d"),
                               .size = 5}}};
  const auto text = to_text(index);
  ASSERT_EQ(parse_index(text).items.size(), 1U);
  EXPECT_EQ(parse_index(text).items[0].description, sha256_of("d"));
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_THROW(parse_index(text.substr(0, length)), Error) << length;
  }
  EXPECT_THROW(parse_index(with(text, "o/r", "o/q")), Error);
}

TEST(BundleTest, OnlyTheNameThatIsMadeOfADigestIsABlobs) {
  const auto digest = sha256_of("x");
  EXPECT_EQ(blob_named(blob_name(digest)), digest);
  EXPECT_EQ(description_named(description_name(digest)), digest);
  const auto hex = digest.hex();
  for (const auto& name :
       {"blobs/sha256/" + hex, "blobs/gitsha1/" + hex.substr(0, 2) + "/" + hex.substr(2),
        "./" + blob_name(digest), "blobs/../" + blob_name(digest), blob_name(digest) + "/",
        "blobs/sha256/" + hex.substr(0, 3) + "/" + hex.substr(3), std::string("blobs/"),
        std::string("/etc/passwd")}) {
    EXPECT_FALSE(blob_named(name)) << name;
  }
  EXPECT_EQ(printable("a\x1b[2J\n"), "\"a?[2J?\"");
  EXPECT_EQ(printable("größe\x7f"), "\"größe?\"");  // whatever the sign of a char
}

}  // namespace
}  // namespace hubcache::mirror
