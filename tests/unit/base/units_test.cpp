#include "hubcache/base/units.h"

#include <gtest/gtest.h>

namespace hubcache {
namespace {

using namespace std::chrono_literals;

TEST(UnitsTest, SizesAreANumberAndAUnit) {
  EXPECT_EQ(parse_size("500 GiB"), 500ULL << 30U);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("1 kB"), 1000u);
  EXPECT_EQ(parse_size("0"), 0u);
}

TEST(UnitsTest, DurationsAreANumberAndAUnit) {
  EXPECT_EQ(parse_duration("10 min"), 10min);
  EXPECT_EQ(parse_duration("500 ms"), 500ms);
  EXPECT_EQ(parse_duration("30d"), 720h);
}

TEST(UnitsTest, AShareIsOneOfWhatIsKnownLater) {
  EXPECT_EQ(parse_size_or_share("90 %")->of(2'000), 1'800U);
  EXPECT_EQ(parse_size_or_share("100%")->of(2'000), 2'000U);
  EXPECT_EQ(parse_size_or_share("5 MB")->of(2'000), 5'000'000U);
  EXPECT_EQ(parse_size_or_share("0")->of(2'000), 0U);
  for (const char* text : {"0 %", "101 %", "%", "-1 %", "5 percent"}) {
    EXPECT_FALSE(parse_size_or_share(text)) << text;
  }
}

TEST(UnitsTest, AnythingElseIsRefused) {
  for (const char* text :
       {"", "5", "GiB", "-1 GiB", "1.5 GiB", "5 gib", "5 GiB x", "99999999 TiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
  for (const char* text : {"", "5", "5 sec", "-5 s", "9999999999999999 d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace hubcache
