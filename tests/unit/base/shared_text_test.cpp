#include "hubcache/base/shared_text.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

TEST(MemoryRoom, AShareGrowsWhileThereIsRoom) {
  const auto room = std::make_shared<MemoryRoom>(100);
  MemoryRoom::Share one(room);
  MemoryRoom::Share other(room);
  EXPECT_TRUE(one.grow_to(60));
  EXPECT_FALSE(other.grow_to(41));
  EXPECT_TRUE(other.grow_to(40));
  EXPECT_TRUE(one.grow_to(50));  // it has as much
  EXPECT_FALSE(one.grow_to(61));
  other.shrink_to(10);
  EXPECT_TRUE(one.grow_to(90));
  EXPECT_FALSE(room->take(1));
}

TEST(MemoryRoom, TheFirstBytesOfEachShareTakeNone) {
  const auto room = std::make_shared<MemoryRoom>(100, 10);
  {
    MemoryRoom::Share one(room);
    MemoryRoom::Share other(room);
    MemoryRoom::Share third(room);
    EXPECT_TRUE(one.grow_to(110));
    EXPECT_TRUE(other.grow_to(10));
    EXPECT_FALSE(other.grow_to(11));
    one.shrink_to(40);
    EXPECT_TRUE(other.grow_to(80));
    one.shrink_to(5);
    EXPECT_TRUE(third.grow_to(40));
    EXPECT_FALSE(room->take(1));
  }
  EXPECT_TRUE(room->take(100));
}

TEST(MemoryRoom, AShareIsGivenBackOnce) {
  const auto room = std::make_shared<MemoryRoom>(100);
  {
    MemoryRoom::Share one(room);
    ASSERT_TRUE(one.grow_to(100));
    MemoryRoom::Share moved(std::move(one));
    MemoryRoom::Share assigned;
    assigned = std::move(moved);
    EXPECT_FALSE(room->take(1));
  }
  EXPECT_TRUE(room->take(100));
  EXPECT_FALSE(room->take(1));
}

TEST(MemoryRoom, OfNoRoomThereIsAnyShare) {
  MemoryRoom::Share share;
  EXPECT_TRUE(share.grow_to(std::size_t{1} << 40));
}

TEST(SharedText, IsOneTextInAllCopies) {
  const SharedText text(std::string(1000, 'x'));
  const SharedText copy = text;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(copy.view().data(), text.view().data());
  EXPECT_EQ(copy, SharedText(std::string(1000, 'x')));
  EXPECT_TRUE(SharedText().empty());
}

TEST(SharedText, HasItsShareUntilTheLastCopyGoes) {
  const auto room = std::make_shared<MemoryRoom>(10);
  MemoryRoom::Share share(room);
  ASSERT_TRUE(share.grow_to(10));
  std::optional<SharedText> text(std::in_place, "0123456789", std::move(share));
  std::optional<SharedText> copy = text;
  text.reset();
  EXPECT_FALSE(room->take(1));
  copy.reset();
  EXPECT_TRUE(room->take(10));
}

TEST(SharedText, IsFoundAgainWhileSomebodyHoldsIt) {
  std::optional<SharedText> text(std::in_place, "a");
  const SharedText::Weak weak(*text);
  SharedText found;
  ASSERT_TRUE(weak.lock(found));
  EXPECT_EQ(found.view().data(), text->view().data());
  found = {};
  text.reset();
  EXPECT_FALSE(weak.lock(found));
  EXPECT_FALSE(SharedText::Weak().lock(found));
}

}  // namespace
}  // namespace hubcache
