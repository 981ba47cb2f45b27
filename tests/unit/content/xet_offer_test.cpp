#include <gtest/gtest.h>

#include "hubcache/content/xet_route.h"

namespace hubcache::content {
namespace {

TEST(XetOfferTest, XetHasLfsFilesWithBytesOfAnySize) {
  EXPECT_TRUE(has_xet({.size = 1, .lfs = true}));
  EXPECT_TRUE(has_xet({.size = 2'000'000'000'000, .lfs = true}));
  EXPECT_FALSE(has_xet({.size = 0, .lfs = true}));
  EXPECT_FALSE(has_xet({.size = 1, .lfs = false}));
}

}  // namespace
}  // namespace hubcache::content
