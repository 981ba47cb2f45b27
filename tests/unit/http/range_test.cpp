#include "hubcache/http/range.h"

#include <gtest/gtest.h>

namespace hubcache::http {
namespace {

constexpr std::string_view kTag = "\"abc\"";

struct Answer {
  RangePlan plan;
  Response response;
};

Answer ask(Headers headers, std::uint64_t size = 100, std::string method = "GET") {
  Request request;
  request.method = std::move(method);
  request.headers = std::move(headers);
  Answer answer;
  answer.plan = apply_conditions(request, kTag, size, answer.response);
  return answer;
}

TEST(Range, WithoutConditionsTheWholeIsSent) {
  const auto [plan, response] = ask({});
  EXPECT_EQ(plan.status, 200);
  EXPECT_EQ(plan.range, (ByteRange{0, 100}));
  EXPECT_TRUE(plan.open_ended);
  EXPECT_EQ(response.headers.get("Content-Length"), "100");
  EXPECT_EQ(response.headers.get("Accept-Ranges"), "bytes");
}

TEST(Range, SingleRangesAreCutOut) {
  struct Case {
    const char* text;
    ByteRange range;
    bool open;
    const char* content_range;
  };
  for (const auto& c :
       {Case{"bytes=0-0", {0, 1}, false, "bytes 0-0/100"},
        Case{"bytes=10-19", {10, 10}, false, "bytes 10-19/100"},
        Case{"bytes=90-500", {90, 10}, false, "bytes 90-99/100"},
        Case{"bytes=40-", {40, 60}, true, "bytes 40-99/100"},
        Case{"bytes=-7", {93, 7}, true, "bytes 93-99/100"},
        Case{"bytes=-700", {0, 100}, true, "bytes 0-99/100"},
        Case{"BYTES= 1-2 ", {1, 2}, false, "bytes 1-2/100"},
        Case{"bytes=5-99999999999999999999999", {5, 95}, false, "bytes 5-99/100"}}) {
    const auto [plan, response] = ask({{"Range", c.text}});
    EXPECT_EQ(plan.status, 206) << c.text;
    EXPECT_EQ(response.status, 206) << c.text;
    EXPECT_EQ(plan.range, c.range) << c.text;
    EXPECT_EQ(plan.open_ended, c.open) << c.text;
    EXPECT_EQ(response.headers.get("Content-Range"), c.content_range);
    EXPECT_EQ(response.headers.get("Content-Length"), std::to_string(c.range.length));
  }
}

TEST(Range, MalformedOrSeveralRangesAreIgnored) {
  for (const char* text :
       {"bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2,4-5", "items=0-1", "0-1",
        "bytes=1", "bytes=+1-2", "bytes=1--2", "bytes=1-2-3", "bytes 0-1"}) {
    const auto [plan, response] = ask({{"Range", text}});
    EXPECT_EQ(plan.status, 200) << text;
    EXPECT_FALSE(response.headers.has("Content-Range")) << text;
  }
  EXPECT_EQ(ask({{"Range", "bytes=0-1"}, {"Range", "bytes=2-3"}}).plan.status, 200);
}

TEST(Range, BeyondTheEndIsNotSatisfiable) {
  for (const char* text : {"bytes=100-", "bytes=100-200", "bytes=-0"}) {
    const auto [plan, response] = ask({{"Range", text}});
    EXPECT_EQ(plan.status, 416) << text;
    EXPECT_EQ(response.headers.get("Content-Range"), "bytes */100") << text;
    EXPECT_FALSE(response.headers.has("Content-Length")) << text;
  }
}

TEST(Range, OfAnEmptyFileIsTheEmptyFile) {
  for (const char* text : {"bytes=0-0", "bytes=0-", "bytes=-1"}) {
    const auto [plan, response] = ask({{"Range", text}}, 0);
    EXPECT_EQ(plan.status, 200) << text;
    EXPECT_EQ(response.headers.get("Content-Length"), "0") << text;
  }
}

TEST(Range, OfAHeadIsIgnored) {
  const auto [plan, response] = ask({{"Range", "bytes=0-0"}}, 100, "HEAD");
  EXPECT_EQ(plan.status, 200);
  EXPECT_EQ(response.headers.get("Content-Length"), "100");
}

TEST(Range, AppliesOnlyIfIfRangeMatchesStrongly) {
  const auto status = [](const char* condition) {
    return ask({{"Range", "bytes=0-0"}, {"If-Range", condition}}).plan.status;
  };
  EXPECT_EQ(status("\"abc\""), 206);
  EXPECT_EQ(status("W/\"abc\""), 200);
  EXPECT_EQ(status("\"other\""), 200);
  EXPECT_EQ(status("Wed, 21 Oct 2015 07:28:00 GMT"), 200);
}

TEST(Conditions, IfNoneMatchComparesWeaklyInLists) {
  for (const char* tags : {"\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "W/\"x\" ,W/\"abc\""}) {
    EXPECT_EQ(ask({{"If-None-Match", tags}}).plan.status, 304) << tags;
    EXPECT_EQ(ask({{"If-None-Match", tags}}, 100, "HEAD").plan.status, 304) << tags;
  }
  for (const char* tags : {"\"x\"", "abc", "", "\"abc", "\"x,\"abc\"y\""}) {
    EXPECT_EQ(ask({{"If-None-Match", tags}}).plan.status, 200) << tags;
  }
  EXPECT_EQ(ask({{"If-None-Match", "\"x\""}, {"If-None-Match", "\"abc\""}}).plan.status, 304);
}

TEST(Conditions, NotModifiedWinsOverRange) {
  const auto [plan, response] = ask({{"If-None-Match", kTag}, {"Range", "bytes=0-0"}});
  EXPECT_EQ(plan.status, 304);
  EXPECT_FALSE(response.headers.has("Content-Range"));
}

TEST(Conditions, IfMatchComparesStrongly) {
  EXPECT_EQ(ask({{"If-Match", "\"abc\""}}).plan.status, 200);
  EXPECT_EQ(ask({{"If-Match", "*"}}).plan.status, 200);
  EXPECT_EQ(ask({{"If-Match", "W/\"abc\""}}).plan.status, 412);
  EXPECT_EQ(ask({{"If-Match", "\"x\""}}).plan.status, 412);
}

}  // namespace
}  // namespace hubcache::http
