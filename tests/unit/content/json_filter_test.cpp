#include "hubcache/content/json_filter.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::content {
namespace {

TEST(JsonFilterTest, LeavesXetMembersOutAtAnyDepth) {
  EXPECT_EQ(without_xet(R"([{"path":"a","xetHash":"ff","size":1},{"lfs":{"xetHash":{"x":[1]}}}])"),
            R"([{"path":"a","size":1},{"lfs":{}}])");
  EXPECT_EQ(without_xet(R"({"xetEnabled":true,"id":"a"})"), R"({"id":"a"})");
  EXPECT_EQ(without_xet(R"({"xetHash":["a",{"b":1}]})"), "{}");
}

TEST(JsonFilterTest, KeepsEverythingElseAsItWas) {
  const std::string json = R"({"a":[1,-2,3.50,1e30,true,false,null,"é\n\"x"],"b":{},"c":[]})";
  EXPECT_EQ(without_xet(json), json);
}

TEST(JsonFilterTest, AValueNamedLikeAMemberStays) {
  EXPECT_EQ(without_xet(R"(["xetHash",{"name":"xetEnabled"}])"),
            R"(["xetHash",{"name":"xetEnabled"}])");
}

TEST(JsonFilterTest, LeavesTheHashOfWhatIsTooLargeOut) {
  EXPECT_EQ(without_xet_above(9, R"([{"size":10,"lfs":{"size":10},"xetHash":"aa","b":[1]},
                                     {"xetHash":"bb","size":9,"lfs":{"size":9}},
                                     {"xetHash":"cc","path":"d"},
                                     {"xetHash":{"x":1},"xetEnabled":true,"size":11,"e":"size"}])"),
            R"([{"size":10,"lfs":{"size":10},"b":[1]},)"
            R"({"size":9,"lfs":{"size":9},"xetHash":"bb"},)"
            R"({"path":"d","xetHash":"cc"},)"
            R"({"xetEnabled":true,"size":11,"e":"size"}])");
  EXPECT_EQ(without_xet_above(9, R"({"xetHash":"aa"})"), R"({"xetHash":"aa"})");
  EXPECT_EQ(without_xet_above(9, R"({"xetHash":"aa","size":10})"), R"({"size":10})");
}

TEST(JsonFilterTest, TellsTheLargestSizeWhereThereAreHashes) {
  EXPECT_EQ(largest_size_if_xet(R"([{"size":3},{"size": 70000000000,"xetHash":"a"},{"size":5}])"),
            70'000'000'000U);
  EXPECT_EQ(largest_size_if_xet(R"([{"size":3}])"), 0U);
  EXPECT_EQ(largest_size_if_xet(R"({"xetHash":"a","size":)"), 0U);
  EXPECT_EQ(largest_size_if_xet(""), 0U);
}

TEST(JsonFilterTest, SecurityRule15WhatIsNestedTooDeepIsRefused) {
  const auto nested = [](std::size_t deep, const std::string& inner) {
    return std::string(deep, '[') + inner + std::string(deep, ']');
  };
  EXPECT_EQ(without_xet(nested(64, "1")), nested(64, "1"));
  EXPECT_THROW(without_xet(nested(65, "1")), Error);
  EXPECT_THROW(without_xet(std::string(1'000'000, '[')), Error);
  EXPECT_THROW(without_xet_above(1, R"({"xetHash":)" + nested(65, "1") + "}"), Error);
}

TEST(JsonFilterTest, RefusesWhatIsNotJson) {
  EXPECT_THROW(without_xet("<html>"), Error);
  EXPECT_THROW(without_xet(R"({"a":)"), Error);
}

}  // namespace
}  // namespace hubcache::content
