#include "hub/lfs_batch.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::hub {
namespace {

const std::string kOid(64, 'c');

class LfsBatch : public testing::Test {
 protected:
  static std::vector<LfsObject> objects_in(std::string_view body) {
    return lfs_objects_in(body, *http::Url::parse("https://hub.example/o/n.git/info/lfs/batch"),
                          {{.digest = *Digest::from_etag(kOid), .size = 9}});
  }
  /// Where the answer says that the object is whose size and actions are these; "": not at all.
  static std::string place(const std::string& rest) {
    const auto objects = objects_in(R"({"objects":[{"oid":")" + kOid + "\"," + rest + "}]}");
    return objects.empty() ? std::string() : objects.at(0).location;
  }
  static std::string place_of(const std::string& href) {
    return place(R"("size":9,"actions":{"download":{"href":")" + href + R"("}})");
  }
};

TEST_F(LfsBatch, AnObjectIsWhereItsHrefSays) {
  EXPECT_EQ(place_of("https://cdn.example/x?Signature=a%2Fb"),
            "https://cdn.example/x?Signature=a%2Fb");
  EXPECT_EQ(place_of("/x"), "https://hub.example/x");
}

TEST_F(LfsBatch, AnObjectWithoutAPlaceOfItsOwnIsNotThere) {
  for (const auto* href : {"", "#", "http://cdn.example/x", "file:///x", "https://", "a b"}) {
    EXPECT_EQ(place_of(href), "") << href;
  }
  for (const auto* rest : {
           R"("size":9)",
           R"("size":9,"actions":[])",
           R"("size":9,"actions":{"upload":{"href":"/x"}})",
           R"("size":9,"actions":{"download":"/x"})",
           R"("size":9,"actions":{"download":{}})",
           R"("size":9,"actions":{"download":{"href":7}})",
           R"("size":9,"actions":{"download":{"href":"/x"}},"error":{"code":404})",
       }) {
    EXPECT_EQ(place(rest), "") << rest;
  }
}

TEST_F(LfsBatch, OnlyWhatWasAskedForIsHeard) {
  const std::string at = R"("actions":{"download":{"href":"/x"}})";
  EXPECT_NE(place(R"("size":9,)" + at), "");
  for (const auto* size : {"8", "-9", "9.0", "\"9\"", "null"}) {
    EXPECT_EQ(place(std::string(R"("size":)") + size + "," + at), "") << size;
  }
  for (const auto& oid : {std::string(64, 'a'), std::string(64, '*'), std::string(40, 'c')}) {
    EXPECT_TRUE(
        objects_in(R"({"objects":[7,{"oid":")" + oid + R"(","size":9,)" + at + "}]}").empty());
  }
  EXPECT_TRUE(objects_in(R"({"objects":[]})").empty());
}

TEST_F(LfsBatch, WhatIsNoAnswerIsTheHubsFault) {
  for (const auto* body : {"", "[]", "{}", R"({"objects":{}})", R"({"objects":[)"}) {
    try {
      objects_in(body);
      ADD_FAILURE() << body;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kUpstream) << body;
    }
  }
}

}  // namespace
}  // namespace hubcache::hub
