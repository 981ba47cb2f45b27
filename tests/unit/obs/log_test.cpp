#include "hubcache/obs/log.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"
#include "hubcache/obs/log_file.h"

#include "support/run.h"

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

TEST(Log, DurationsAreMillisecondsWithThreeDecimals) {
  using std::chrono::microseconds;
  for (const Format format : {Format::kText, Format::kJson}) {
    const auto text = written({.format = format}, [](Log& log) {
      log.info("e", {{"a", microseconds(0)},
                     {"b", microseconds(7)},
                     {"c", microseconds(1'234'567)},
                     {"d", microseconds(-5)}});
    });
    EXPECT_THAT(text,
                EndsWith(format == Format::kText ? "a=0.000 b=0.007 c=1234.567 d=0.000\n"
                                                 : R"("a":0.000,"b":0.007,"c":1234.567,"d":0.000})"
                                                   "\n"));
  }
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

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Its standard error is one that may be redirected.
class LogFileTest : public testing::Test {
 protected:
  LogFileTest() { testing::internal::CaptureStderr(); }
  ~LogFileTest() override { testing::internal::GetCapturedStderr(); }
  LogFileTest(const LogFileTest&) = delete;
  LogFileTest& operator=(const LogFileTest&) = delete;

  void log(std::string_view event) {
    Log log({});
    log.info(event);
  }
  test::TempDir folder;
};

TEST_F(LogFileTest, AFileIsItsOwnersAloneAndIsAppendedTo) {
  const auto file = folder / "log";
  for (const std::string_view event : {"first", "second"}) {
    redirect_to_file(file.string());
    log(event);
  }
  EXPECT_THAT(text_of(file), MatchesRegex("[^\n]* info first\n[^\n]* info second\n"));
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(LogFileTest, AFileThatWasMovedAwayIsLeftWhenItIsOpenedAnew) {
  const auto file = folder / "log";
  redirect_to_file(file.string());
  std::filesystem::rename(file, folder / "log.1");
  log("old");
  redirect_to_file(file.string());
  log("new");
  EXPECT_THAT(text_of(folder / "log.1"), MatchesRegex("[^\n]* info old\n"));
  EXPECT_THAT(text_of(file), MatchesRegex("[^\n]* info new\n"));
}

TEST_F(LogFileTest, WhereNothingCanBeOpenedTheOldFileStays) {
  redirect_to_file((folder / "log").string());
  EXPECT_THROW(redirect_to_file((folder / "none/log").string()), Error);
  redirect_to_file("");
  log("stays");
  EXPECT_THAT(text_of(folder / "log"), EndsWith(" info stays\n"));
}

/// Standard error is taken for the journal, as a service finds it.
std::string written_to_journal(Options options, const std::function<void(Log&)>& use) {
  testing::internal::CaptureStderr();
  struct stat about{};
  EXPECT_EQ(::fstat(STDERR_FILENO, &about), 0);
  const auto stream = std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino);
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  {
    Log log(std::move(options));
    use(log);
  }
  ::unsetenv("JOURNAL_STREAM");
  return testing::internal::GetCapturedStderr();
}

TEST(Log, TheJournalIsToldTheLevelOfEachLine) {
  const auto all = [](Log& log) {
    log.debug("d");
    AccessLog(log).add({{"path", "/"}});
    log.warn("w");
    log.error("e");
  };
  EXPECT_THAT(written_to_journal({.level = Level::kDebug}, all),
              MatchesRegex("<7>[^\n]* debug d\n<6>[^\n]* info access path=/\n"
                           "<4>[^\n]* warn w\n<3>[^\n]* error e\n"));
  EXPECT_THAT(written_to_journal({.format = Format::kJson}, [](Log& log) { log.info("i"); }),
              MatchesRegex("<6>\\{[^\n]*\\}\n"));
}

TEST(Log, WhatIsNotTheJournalIsToldNoLevels) {
  ::setenv("JOURNAL_STREAM", "1:2", 1);
  EXPECT_THAT(written({}, [](Log& log) { log.info("i"); }), Not(HasSubstr("<6>")));
  ::unsetenv("JOURNAL_STREAM");
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
