#include "hubcache/app/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hubcache::app {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

TEST(ProgressTest, AmountsAreShort) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1.0 KiB");
  EXPECT_EQ(size_text(10 * kMiB), "10 MiB");
  EXPECT_EQ(size_text(1023 * kMiB), "1.0 GiB");
  EXPECT_EQ(size_text(kGiB + kGiB / 4), "1.2 GiB");
  EXPECT_EQ(size_text(~0ULL), "16 EiB");
  EXPECT_EQ(time_text(7s), "0:07");
  EXPECT_EQ(time_text(754s), "12:34");
  EXPECT_EQ(time_text(3723s), "1:02:03");
}

TEST(ProgressTest, WhatARepoCallsItsFilesCommandsNoTerminal) {
  EXPECT_EQ(printable("\x1b]0;x\x07"), "?]0;x?");
  EXPECT_EQ(printable("caf\xC3\xA9 \xE6\x97\xA5"), "caf\xC3\xA9 \xE6\x97\xA5");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "?2J");                                   // a control of eight bits
  EXPECT_EQ(printable("gpj.\xE2\x80\xAE"), "gpj.?");  // turns the direction round
  EXPECT_EQ(printable("a\xFF\xC3"), "a??");           // no UTF-8
  EXPECT_EQ(columns_of("caf\xC3\xA9 \xE6\x97\xA5"), 7U);
}

TEST(ProgressTest, ALineShowsAllNumbersWhereThereIsRoom) {
  const Bar bar{
      .label = "model.safetensors", .done = 512 * kMiB, .size = 2 * kGiB, .rate = 64.0 * kMiB};
  const std::string numbers = "  25%   512 MiB of 2.0 GiB     64 MiB/s      0:24";
  const auto label = [](std::size_t width) {
    return "model.safetensors" + std::string(width - 17, ' ') + " ";
  };
  EXPECT_EQ(line_of(bar, {.width = 100, .utf8 = false}), label(33) + "####------------" + numbers);
  EXPECT_EQ(line_of(bar, {.width = 80, .utf8 = false}), label(20) + "##-------" + numbers);
  EXPECT_EQ(line_of(bar, {.width = 80, .utf8 = true}), label(20) + "██▎      " + numbers);
  EXPECT_EQ(line_of(bar, {.width = 50, .utf8 = false}), label(29) + "###-----------" + "  25%");
}

TEST(ProgressTest, ALineNeverWrapsWhateverTheNameIs) {
  const std::string deep =
      "a/very/deep/folder/with/\xE6\x97\xA5\xE6\x9C\xAC/model-00001-of-00009.safetensors";
  for (const std::size_t width : {10U, 40U, 71U, 72U, 80U, 99U, 200U}) {
    for (const bool utf8 : {false, true}) {
      for (const std::uint64_t done : {0ULL, 1ULL, 3ULL, 7ULL, 999ULL, 1000ULL}) {
        const auto line = line_of({.label = deep, .done = done, .size = 1000, .rate = 1.5},
                                  {.width = width, .utf8 = utf8});
        EXPECT_EQ(columns_of(line), std::max<std::size_t>(width, 40) - 1) << line;
      }
    }
  }
  EXPECT_THAT(line_of({.label = deep, .done = 1, .size = 2}, {.width = 80, .utf8 = true}),
              testing::StartsWith(".."));
}

TEST(ProgressTest, TimeLeftIsToldOnceItIsKnown) {
  const Look look{.width = 80, .utf8 = false};
  EXPECT_THAT(line_of({.label = "x", .done = 1, .size = 100}, look), testing::EndsWith("-:--"));
  EXPECT_THAT(line_of({.label = "x", .done = 1, .size = 100, .rate = 0.0}, look),
              testing::EndsWith("-:--"));
  EXPECT_THAT(line_of({.label = "x", .done = 40, .size = 100, .rate = 1.0}, look),
              testing::EndsWith("1:00"));
  EXPECT_THAT(line_of({.label = "x", .done = 100, .size = 100, .rate = 1.0}, look),
              testing::HasSubstr("100%"));
  EXPECT_THAT(line_of({.label = "empty"}, look), testing::HasSubstr("100%"));
}

TEST(ProgressTest, ARateIsOfTheLastSeconds) {
  Rate rate;
  const SteadyTime begin{};
  EXPECT_FALSE(rate.per_second());
  rate.note(begin, 0);
  EXPECT_FALSE(rate.per_second());
  rate.note(begin + 1s, 100);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 100);
  for (int i = 2; i <= 60; ++i) rate.note(begin + std::chrono::seconds(i), 100);
  EXPECT_DOUBLE_EQ(*rate.per_second(), 0);  // it stands still by now
}

}  // namespace
}  // namespace hubcache::app
