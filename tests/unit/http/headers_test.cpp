#include "hubcache/http/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hubcache::http {
namespace {

using testing::ElementsAre;

TEST(Headers, NamesCompareWithoutCase) {
  const Headers headers{{"Content-Type", "text/plain"}};
  EXPECT_EQ(headers.get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.get("Content-Typ"), std::nullopt);
  EXPECT_TRUE(headers.has("CONTENT-TYPE"));
}

TEST(Headers, RepeatedFieldsKeepTheirOrder) {
  Headers headers{{"Link", "a"}, {"X", "y"}, {"link", "b"}};
  EXPECT_THAT(headers.all("Link"), ElementsAre("a", "b"));
  EXPECT_EQ(headers.count("LINK"), 2U);
  headers.set("Link", "c");
  EXPECT_THAT(headers.all("Link"), ElementsAre("c"));
  EXPECT_EQ(headers.size(), 2U);
}

TEST(Headers, AValueCannotForgeAField) {
  Headers headers;
  headers.add("X", std::string_view("a\r\nSet-Cookie: b\0c", 18));
  EXPECT_EQ(headers.get("X"), "a  Set-Cookie: b c");
}

TEST(Headers, AFieldCanBeMadeFromAnotherOfTheSameObject) {
  Headers headers{{"ETag", "\"0123456789012345678901234567890123456789\""}};
  headers.add("X-Linked-ETag", *headers.get("ETag"));
  headers.set("ETag", *headers.get("X-Linked-ETag"));
  EXPECT_EQ(headers.get("ETag"), "\"0123456789012345678901234567890123456789\"");
  EXPECT_EQ(headers.get("X-Linked-ETag"), headers.get("ETag"));
}

TEST(Headers, RemovedFieldsAreGone) {
  Headers headers{{"A", "1"}, {"B", "2"}, {"a", "3"}};
  headers.remove("A");
  EXPECT_FALSE(headers.has("a"));
  EXPECT_EQ(headers.get("B"), "2");
}

}  // namespace
}  // namespace hubcache::http
