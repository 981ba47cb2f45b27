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

TEST(JsonFilterTest, RefusesWhatIsNotJson) {
  EXPECT_THROW(without_xet("<html>"), Error);
  EXPECT_THROW(without_xet(R"({"a":)"), Error);
}

}  // namespace
}  // namespace hubcache::content
