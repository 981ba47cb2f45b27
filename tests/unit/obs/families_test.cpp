#include "hubcache/obs/families.h"

#include <gtest/gtest.h>

namespace hubcache::obs {
namespace {

using std::chrono::milliseconds;

TEST(Families, AreWrittenAsPrometheusReadsThem) {
  Families all;
  all.counter("some_things_total", "Things.").add(std::uint64_t{3}, {{"kind", "a\"b\n"}});
  all.gauge("some_bytes", "Bytes.").add(1.5);
  EXPECT_EQ(all.exposition(),
            "# HELP some_things_total Things.\n# TYPE some_things_total counter\n"
            "some_things_total{kind=\"a\\\"b\\n\"} 3\n"
            "# HELP some_bytes Bytes.\n# TYPE some_bytes gauge\nsome_bytes 1.5\n");
}

TEST(Families, WhatManyWorkersCountedIsOneNumber) {
  Families all;
  auto& family = all.counter("things_total", "Things.");
  family.add(std::uint64_t{3}, {{"kind", "a"}}).add(std::uint64_t{4}, {{"kind", "b"}});
  family.add(std::uint64_t{5}, {{"kind", "a"}});
  EXPECT_EQ(family.points().size(), 2U);
  EXPECT_EQ(all.sum("things_total"), 12);
  EXPECT_EQ(all.sum("things_total", "kind", "a"), 8);
  EXPECT_EQ(all.sum("things_total", "kind", "c"), 0);
  EXPECT_EQ(all.sum("other_total"), 0);
}

TEST(Families, ABucketHoldsWhatTookAtMostItsBoundAndAllBelow) {
  Timings timings;
  for (const int ms : {1, 2, 100, 60'000}) timings.add(milliseconds(ms));
  Families all;
  all.histogram("waits_seconds", "Waits.").add(timings.sum()).add(timings.sum());
  const auto text = all.exposition();
  EXPECT_NE(text.find("waits_seconds_bucket{le=\"0.0005\"} 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_bucket{le=\"0.001\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_bucket{le=\"0.1\"} 6\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_bucket{le=\"10\"} 6\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_bucket{le=\"+Inf\"} 8\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_count 8\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits_seconds_sum 120.206\n"), std::string::npos) << text;
}

TEST(Families, AStatusNobodyExpectsCountsWithItsHundred) {
  StatusCounts counts;
  for (const int status : {200, 200, 404, 418, 444, 0, 599, 999}) counts.add(status);
  Families all;
  auto& family = all.counter("answers_total", "Answers.").add(counts, {{"route", "x"}});
  const auto of = [&family](const char* status) { return family.sum("status", status); };
  EXPECT_EQ(of("200"), 2);
  EXPECT_EQ(of("404"), 1);
  EXPECT_EQ(of("4xx"), 2);
  EXPECT_EQ(of("none"), 1);
  EXPECT_EQ(of("5xx"), 2);
  EXPECT_EQ(of("500"), 0);
  EXPECT_EQ(family.points().size(), 5U) << "only what there was";
}

TEST(Families, AGaugeCountsWhatIsThere) {
  Gauge gauge;
  {
    const OneOf one(gauge);
    const OneOf another(gauge);
    EXPECT_EQ(gauge.value(), 2);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(Families, TheProcessIsTheOneThatAsks) {
  Families all;
  add_process(all);
  EXPECT_GE(all.sum("process_open_fds"), 3);
  EXPECT_GT(all.sum("process_max_fds"), all.sum("process_open_fds"));
  EXPECT_GT(all.sum("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(all.sum("process_virtual_memory_bytes"), all.sum("process_resident_memory_bytes"));
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  constexpr double kAWeek = 7 * 86'400;
  EXPECT_LE(all.sum("process_start_time_seconds"), now.count() + 2);
  EXPECT_GE(all.sum("process_start_time_seconds"), now.count() - kAWeek);
  EXPECT_GE(all.sum("process_cpu_seconds_total"), 0);
}

}  // namespace
}  // namespace hubcache::obs
