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
        Case{"bytes=0-", {0, 100}, true, "bytes 0-99/100"},
        Case{"bytes=-7", {93, 7}, false, "bytes 93-99/100"},
        Case{"bytes=-700", {0, 100}, false, "bytes 0-99/100"},
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

TEST(Range, MalformedOnesAndOtherUnitsAreIgnored) {
  for (const char* text :
       {"bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2,4-3", "bytes=1-2,x",
        "bytes=1-2;4-5", "items=0-1", "0-1", "bytes=1", "bytes=+1-2", "bytes=1--2", "bytes=1-2-3",
        "bytes 0-1", "bytes=1 -2"}) {
    const auto [plan, response] = ask({{"Range", text}});
    EXPECT_EQ(plan.status, 200) << text;
    EXPECT_EQ(plan.range, (ByteRange{0, 100})) << text;
    EXPECT_TRUE(plan.open_ended) << text;
    EXPECT_FALSE(response.headers.has("Content-Range")) << text;
  }
  EXPECT_EQ(ask({{"Range", "bytes=0-1"}, {"Range", "bytes=2-3"}}).plan.status, 200);
}

TEST(Range, SeveralBecomePartsInTheOrderAskedFor) {
  const auto [plan, response] = ask({{"Range", "bytes= 5000-5009 ,,0-9,\t-10,99999-"}}, 10'000);
  EXPECT_EQ(plan.status, 206);
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(plan.parts, (std::vector<ByteRange>{{5000, 10}, {0, 10}, {9990, 10}}));
  EXPECT_FALSE(plan.open_ended);
  EXPECT_FALSE(response.headers.has("Content-Range"));
  EXPECT_FALSE(response.headers.has("Content-Length"));
  EXPECT_EQ(response.headers.get("Accept-Ranges"), "bytes");
}

TEST(Range, SeveralOfWhichOneIsLeftAreOne) {
  struct Case {
    const char* text;
    ByteRange range;
    bool open;
  };
  for (const auto& c :
       {Case{"bytes=0-9,10-19", {0, 20}, false},     // adjacent
        Case{"bytes=10-19,0-12", {0, 20}, false},    // overlapping
        Case{"bytes=0-99,20-29", {0, 100}, false},   // one holds the other
        Case{"bytes=0-0,256-299", {0, 300}, false},  // the gap costs less
        Case{"bytes=7-7,1000-", {7, 1}, false},      // the other is past the end
        Case{"bytes=0-9,5-", {0, 1000}, true}, Case{"bytes=0-0,1-", {0, 1000}, true}}) {
    const auto [plan, response] = ask({{"Range", c.text}}, 1000);
    EXPECT_EQ(plan.status, 206) << c.text;
    EXPECT_TRUE(plan.parts.empty()) << c.text;
    EXPECT_EQ(plan.range, c.range) << c.text;
    EXPECT_EQ(plan.open_ended, c.open) << c.text;
    EXPECT_EQ(response.headers.get("Content-Range"), content_range(c.range, 1000)) << c.text;
    EXPECT_EQ(response.headers.get("Content-Length"), std::to_string(c.range.length)) << c.text;
  }
}

TEST(Range, CoalescedOnesStandWhereTheFirstOfThemStood) {
  const auto plan = ask({{"Range", "bytes=8000-8009,3000-3009,0-9,8010-8019"}}, 10'000).plan;
  EXPECT_EQ(plan.parts, (std::vector<ByteRange>{{8000, 20}, {3000, 10}, {0, 10}}));
}

TEST(Range, OnlyThePartThatWasAskedForToTheEndIsOpenEnded) {
  const auto open = ask({{"Range", "bytes=0-9,5000-"}}, 10'000).plan;
  ASSERT_EQ(open.parts.size(), 2u);
  EXPECT_FALSE(open.of_part(open.parts[0], 10'000).open_ended);
  EXPECT_TRUE(open.of_part(open.parts[1], 10'000).open_ended);
  const auto closed = ask({{"Range", "bytes=0-9,5000-9999"}}, 10'000).plan;
  EXPECT_FALSE(closed.of_part(closed.parts[1], 10'000).open_ended);
}

std::string spread(std::size_t count) {
  std::string text = "bytes=";
  for (std::size_t i = 0; i < count; ++i) {
    text += std::to_string(i * 1000) + "-" + std::to_string(i * 1000 + 9) + ",";
  }
  return text;
}

TEST(Range, TooManyAreRefused) {
  EXPECT_EQ(ask({{"Range", spread(kMostRanges)}}, 1'000'000).plan.parts.size(), kMostRanges);
  const auto [plan, response] = ask({{"Range", spread(kMostRanges + 1)}}, 1'000'000);
  EXPECT_EQ(plan.status, 416);
  EXPECT_EQ(response.headers.get("Content-Range"), "bytes */1000000");
  std::string same = "bytes=";
  for (int i = 0; i < 5'000; ++i) same += "0-,";
  EXPECT_EQ(ask({{"Range", same}}, 1'000'000).plan.status, 416);
}

TEST(Range, SeveralNeverComeToMoreThanTheWholeAndOneHeader) {
  std::string text = "bytes=";
  for (std::uint64_t i = 0; i < kMostRanges; ++i) {
    const auto at = i * (kPartOverhead + 1);
    text += std::to_string(at) + "-" + std::to_string(at) + ",";
  }
  const std::uint64_t size = kMostRanges * (kPartOverhead + 1);
  std::uint64_t total = 0;
  for (const auto part : ask({{"Range", text}}, size).plan.parts) {
    total += part.length + kPartOverhead;
  }
  EXPECT_GT(total, kMostRanges * kPartOverhead);
  EXPECT_LE(total, size + kPartOverhead);
}

TEST(Range, BeyondTheEndIsNotSatisfiable) {
  for (const char* text : {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,-0"}) {
    const auto [plan, response] = ask({{"Range", text}});
    EXPECT_EQ(plan.status, 416) << text;
    EXPECT_EQ(response.headers.get("Content-Range"), "bytes */100") << text;
    EXPECT_FALSE(response.headers.has("Content-Length")) << text;
  }
}

TEST(Range, OfAnEmptyFileIsTheEmptyFile) {
  for (const char* text : {"bytes=0-0", "bytes=0-", "bytes=-1", "bytes=5-9", "bytes=0-0,2-3"}) {
    const auto [plan, response] = ask({{"Range", text}}, 0);
    EXPECT_EQ(plan.status, 200) << text;
    EXPECT_EQ(response.headers.get("Content-Length"), "0") << text;
    EXPECT_EQ(response.headers.get("Content-Range"), "bytes */0") << text;
  }
  EXPECT_FALSE(ask({}, 0).response.headers.has("Content-Range"));
  EXPECT_FALSE(ask({{"Range", "bytes=0-0"}}, 0, "HEAD").response.headers.has("Content-Range"));
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
  EXPECT_EQ(status("\"other\", \"abc\""), 200);
  EXPECT_EQ(status("*"), 200);
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
  EXPECT_EQ(ask({{"If-Match", ""}}).plan.status, 412);
  EXPECT_EQ(ask({{"If-Match", "W/\"abc\", \"y,\", \"abc\""}}).plan.status, 200);
  EXPECT_EQ(ask({{"If-Match", "\"x\""}, {"If-Match", "\"abc\""}}).plan.status, 200);
  EXPECT_EQ(ask({{"If-Match", "\"x\""}, {"Range", "bytes=0-0"}}, 100, "HEAD").plan.status, 412);
}

TEST(Conditions, IfMatchIsLookedAtBeforeIfNoneMatch) {
  EXPECT_EQ(ask({{"If-Match", "\"x\""}, {"If-None-Match", kTag}}).plan.status, 412);
  EXPECT_EQ(ask({{"If-Match", kTag}, {"If-None-Match", kTag}}).plan.status, 304);
}

TEST(Conditions, DatesAreIgnored) {
  for (const char* name : {"If-Modified-Since", "If-Unmodified-Since"}) {
    for (const char* date : {"Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"}) {
      EXPECT_EQ(ask({{name, date}}).plan.status, 200) << name;
      EXPECT_EQ(ask({{name, date}, {"Range", "bytes=0-0"}}).plan.status, 206) << name;
    }
  }
}

TEST(Conditions, WithoutABodyThereIsNoLengthOfOne) {
  for (const char* name : {"If-None-Match", "If-Match"}) {
    const auto response = ask({{name, name[3] == 'N' ? kTag : "\"x\""}}).response;
    EXPECT_FALSE(response.headers.has("Content-Length")) << name;
    EXPECT_FALSE(response.headers.has("Content-Range")) << name;
  }
}

TEST(Conditions, IfNoneMatchNamesWeakTagsToo) {
  const Headers headers{{"If-None-Match", "W/\"a\", \"b\""}};
  for (const char* tag : {"\"a\"", "W/\"a\"", "\"b\"", "W/\"b\""}) {
    EXPECT_TRUE(none_match_names(headers, tag)) << tag;
  }
  EXPECT_FALSE(none_match_names(headers, "W/\"c\""));
  EXPECT_FALSE(none_match_names({}, "W/\"a\""));
}

}  // namespace
}  // namespace hubcache::http
