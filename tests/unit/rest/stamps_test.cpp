#include "hubcache/base/stamps.h"

#include <gtest/gtest.h>

#include "hubcache/rest/stamps.h"

#include "support/clock.h"

namespace hubcache::rest {
namespace {

TEST(StampsTest, IdsAreUuidsOfVersion7ThatSortByTime) {
  test::FakeClock clock;
  Stamps stamps(clock);
  auto last = stamps.next();
  EXPECT_EQ(last.id.size(), 36U);
  EXPECT_EQ(last.id[14], '7');
  EXPECT_NE(std::string("89ab").find(last.id[19]), std::string::npos);
  for (int i = 0; i < 5000; ++i) {
    const auto next = stamps.next();
    EXPECT_LT(last.id, next.id);
    EXPECT_LE(last.micros, next.micros);
    last = next;
  }
}

TEST(StampsTest, TimesAreWrittenAsPulpWritesThem) {
  EXPECT_EQ(iso_time(1'787'392'800'123'456), "2026-08-22T10:00:00.123456Z");
}

TEST(StampsTest, TimesAreReadInAnyIsoSpelling) {
  const auto noon = parse_iso_time("2026-08-22T10:00:00Z");
  EXPECT_EQ(noon, 1'787'392'800'000'000);
  EXPECT_EQ(parse_iso_time("2026-08-22T12:00:00+02:00"), noon);
  EXPECT_EQ(parse_iso_time("2026-08-22T08:30:00-0130"), noon);
  EXPECT_EQ(parse_iso_time("2026-08-22 10:00"), noon);
  EXPECT_EQ(parse_iso_time("2026-08-22T10:00:00.5"), *noon + 500'000);
  EXPECT_EQ(parse_iso_time("2026-08-22"), *noon - 36'000'000'000);
  for (const char* bad : {"", "x", "2026-13-01", "2026-02-30", "2026-08-22T25:00",
                          "2026-08-22T10:00:00.", "2026-08-22T10:00:00Zx", "20260822"}) {
    EXPECT_FALSE(parse_iso_time(bad)) << bad;
  }
}

TEST(StampsTest, AUuidMayLackItsHyphens) {
  EXPECT_EQ(canonical_uuid("0123456789ABCDEF0123456789abcdef"),
            "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_TRUE(canonical_uuid("01234567-89ab-cdef-0123-456789abcdef"));
  for (const char* bad :
       {"", "abc", "0123456789abcdef0123456789abcde", "01234567-89ab-cdef-01234-56789abcdef"}) {
    EXPECT_FALSE(canonical_uuid(bad)) << bad;
  }
}

}  // namespace
}  // namespace hubcache::rest
