#include "hubcache/content/registry_manifest.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache::content {
namespace {

/// "DIGEST SIZE," of each blob.
std::string blobs_of(std::string_view manifest) {
  std::string blobs;
  for (const auto& blob : blobs_of_manifest(manifest)) {
    blobs += blob.digest.text() + ' ' + std::to_string(blob.size) + ',';
  }
  return blobs;
}

const std::string kOne = "sha256:" + std::string(64, 'a');
const std::string kOther = "sha256:" + std::string(64, 'b');

TEST(RegistryManifest, ItsBlobsAreItsLayersAndItsConfig) {
  EXPECT_EQ(blobs_of(R"({"schemaVersion":2,"config":{"digest":")" + kOther +
                     R"(","size":5},"layers":[{"mediaType":"m","digest":")" + kOne +
                     R"(","size":18446744073709551615}]})"),
            kOne + " 18446744073709551615," + kOther + " 5,");
}

TEST(RegistryManifest, WhatNamesNoSha256AndSizeIsLeftOut) {
  const std::string good = R"({"digest":")" + kOne + R"(","size":1})";
  for (const auto& other : {
           std::string("7"),
           std::string("[]"),
           std::string(R"({"size":1})"),
           R"({"digest":")" + kOther + R"("})",
           R"({"digest":")" + kOther + R"(","size":-1})",
           R"({"digest":")" + kOther + R"(","size":"1"})",
           R"({"digest":")" + std::string(64, 'b') + R"(","size":1})",
           R"({"digest":"gitsha1:)" + std::string(40, 'b') + R"(","size":1})",
           std::string(R"({"digest":"sha256:../../x","size":1})"),
       }) {
    EXPECT_EQ(blobs_of(R"({"config":)" + other + R"(,"layers":[)" + other + ',' + good + "]}"),
              kOne + " 1,")
        << other;
  }
}

TEST(RegistryManifest, WhatIsNoManifestHasNoBlobs) {
  for (const auto* other : {"", "[]", "{}", "null", R"({"layers":{}})", R"({"layers":[)"}) {
    EXPECT_EQ(blobs_of(other), "") << other;
  }
}

}  // namespace
}  // namespace hubcache::content
