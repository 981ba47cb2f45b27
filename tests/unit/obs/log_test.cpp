#include "hubcache/obs/log.h"

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::obs {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

template <typename F>
std::string written(Options options, F use) {
  testing::internal::CaptureStderr();
  {
    Log log(options);
    use(log);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesTimeLevelEventAndFields) {
  const auto text = written({}, [](Log& log) { log.info("listening", {{"port", 8080}}); });
  EXPECT_THAT(text,
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "info listening port=8080\n"));
}

TEST(Log, QuotesValuesWithSpacesQuotesOrNothing) {
  const auto text = written({}, [](Log& log) {
    log.info("e",
             {{"a", "two words"}, {"b", "say \"hi\""}, {"c", ""}, {"d", "x=y"}, {"f", "pläin"}});
  });
  EXPECT_THAT(text,
              EndsWith("a=\"two words\" b=\"say \\\"hi\\\"\" c=\"\" d=\"x=y\" f=\"pläin\"\n"));
}

TEST(Log, HostileValueCannotForgeALineOrReachTheTerminal) {
  const std::string_view hostile = "x\ntime error forged\r\x1b[2J\xc2\x9b\xff";
  const auto text = written({}, [&](Log& log) { log.info("e", {{"v", hostile}}); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, EndsWith(R"(v="x\ntime error forged\x0d\x1b[2J\xc2\x9b\xff")"
                             "\n"));
}

TEST(Log, JsonIsOneObjectALine) {
  const auto text = written({.format = Format::kJson}, [](Log& log) {
    log.warn("slow", {{"path", "/a\n\"b\\\xff"}, {"ms", 12}, {"rate", 1.5}});
  });
  const auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["event"], "slow");
  EXPECT_EQ(line["path"], "/a\n\"b\\\ufffd");
  EXPECT_EQ(line["ms"], 12);
  EXPECT_DOUBLE_EQ(line["rate"].get<double>(), 1.5);
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  const auto text = written({.level = Level::kWarn}, [](Log& log) {
    log.info("hidden");
    AccessLog(log).add({{"path", "/hidden"}});
    log.warn("shown");
    log.set_level(Level::kDebug);
    log.debug("shown_too");
  });
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  EXPECT_THAT(text, HasSubstr("warn shown\n"));
  EXPECT_THAT(text, HasSubstr("debug shown_too\n"));
}

TEST(Log, AccessLogCanBeTurnedOffAlone) {
  const auto text = written({.access_log = false}, [](Log& log) {
    EXPECT_FALSE(log.access_enabled());
    AccessLog(log).add({{"path", "/"}});
    log.info("other");
  });
  EXPECT_THAT(text, Not(HasSubstr("access")));
  EXPECT_THAT(text, HasSubstr("info other"));
}

TEST(AccessLog, LinesAreHandedOverAtAFlushAndAtItsEnd) {
  const auto text = written({}, [](Log& log) {
    AccessLog lines(log);
    lines.add({{"path", "/first"}, {"status", 200}, {"ms", 0.25}});
    log.info("between");
    lines.flush();
    log.info("behind");
    lines.add({{"path", "/last"}});
  });
  EXPECT_THAT(text, MatchesRegex(".*info between\n.*info access path=/first status=200 ms=0.250\n"
                                 ".*info behind\n.*info access path=/last\n"));
}

TEST(AccessLog, ManyLinesDoNotWaitForAFlush) {
  const auto text = written({}, [](Log& log) {
    AccessLog lines(log);
    const std::string path(1000, 'x');
    for (int i = 0; i < 100; ++i) lines.add({{"path", path}});
    log.info("after_them");
  });
  EXPECT_LT(text.find(" access "), text.find("after_them"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
}

TEST(Log, FlushReturnsWhenTheLinesAreWritten) {
  testing::internal::CaptureStderr();
  Log log({});
  log.info("before_flush");
  log.flush();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("before_flush"));
}

TEST(Log, LinesOfManyThreadsStayWhole) {
  const auto text = written({}, [](Log& log) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 500; ++i) log.info("e", {{"t", t}, {"i", i}});
      });
    }
    for (auto& thread : threads) thread.join();
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2000);
}

TEST(Log, LevelsHaveNamesAndOthersAreRefused) {
  EXPECT_EQ(level_of("debug"), Level::kDebug);
  EXPECT_EQ(level_of("off"), Level::kOff);
  EXPECT_THROW(level_of("loud"), Error);
}

TEST(Log, RequestIdsDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(new_request_id());
  EXPECT_EQ(ids.size(), 100U);
}

}  // namespace
}  // namespace hubcache::obs
