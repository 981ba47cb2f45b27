#include "hubcache/http/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/http/message.h"

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

TEST(HttpDate, IsReadInItsThreeForms) {
  const auto time = std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) +
                    std::chrono::hours(8) + std::chrono::minutes(49) + std::chrono::seconds(37);
  for (const auto* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(text), time) << text;
  }
  for (const auto* text : {"", "3", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT x",
                           "Sun, 06 Nov 1994 08:61:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(HeaderLines, AValueCannotForgeAField) {
  HeaderLines lines;
  lines.add("A", "b\r\nC: d");
  lines.add("E", "f");
  EXPECT_EQ(*lines.take(), "A: b  C: d\r\nE: f\r\n");
}

}  // namespace
}  // namespace hubcache::http
