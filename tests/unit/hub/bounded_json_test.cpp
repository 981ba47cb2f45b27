#include "hubcache/hub/bounded_json.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hubcache::hub {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string list_of(std::size_t count) {
  std::string text = "[0";
  for (std::size_t i = 1; i < count; ++i) text += ",0";
  return text += "]";
}

TEST(BoundedJson, WhatIsWithinBoundsIsReadAsItIs) {
  const auto read = bounded_json(R"({"a":[1,{"b":"c"}],"d":null})");
  EXPECT_EQ(read.dump(), R"({"a":[1,{"b":"c"}],"d":null})");
  EXPECT_TRUE(bounded_json("{").is_discarded());
  EXPECT_TRUE(bounded_json("").is_discarded());
}

TEST(BoundedJson, SecurityRule15WhatIsNestedTooDeepIsNotRead) {
  EXPECT_TRUE(bounded_json(nested(64)).is_array());
  EXPECT_TRUE(bounded_json(nested(65)).is_discarded());
  EXPECT_TRUE(bounded_json(nested(10'000'000)).is_discarded());
  EXPECT_TRUE(bounded_json("{\"a\":" + nested(1'000'000) + "}", 1).is_discarded());
}

TEST(BoundedJson, SecurityRule15MoreValuesThanAreReasonableAreNotRead) {
  EXPECT_EQ(bounded_json(list_of(199'999)).size(), 199'999U);
  EXPECT_TRUE(bounded_json(list_of(200'000)).is_discarded());
}

TEST(BoundedJson, WhatLiesDeeperThanAskedForIsLeftOut) {
  const auto top = bounded_json("{\"private\":false,\"files\":" + list_of(300'000) + "}", 1);
  ASSERT_TRUE(top.is_object());
  EXPECT_EQ(top.at("private"), false);
  EXPECT_TRUE(top.at("files").is_discarded());
}

}  // namespace
}  // namespace hubcache::hub
