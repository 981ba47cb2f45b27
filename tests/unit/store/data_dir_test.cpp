#include "hubcache/store/data_dir.h"

#include <memory>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "support/run.h"

namespace hubcache::store {
namespace {

TEST(DataDirTest, IsMadeForItsOwnerAlone) {
  const test::TempDir dir;
  const auto data = DataDir::open(dir / "new");
  for (const auto* name : {".", "blobs", "fills"}) {
    struct stat about{};
    ASSERT_EQ(::stat((data.path() / name).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_mode & 0777, 0700U) << name;
  }
}

TEST(DataDirTest, ServesOneProcessAtATimeAndSaysWhich) {
  const test::TempDir dir;
  {
    const auto first = DataDir::open(dir.path());
    try {
      DataDir::open(dir.path());
      FAIL() << "was opened twice";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kConflict);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::to_string(::getpid())));
    }
  }
  EXPECT_NO_THROW(DataDir::open(dir.path()));
}

TEST(DataDirTest, KnowsWhetherItWasLeftInOrder) {
  const test::TempDir dir;
  EXPECT_FALSE(DataDir::open(dir.path()).was_left_open());
  auto second = std::make_unique<DataDir>(DataDir::open(dir.path()));
  EXPECT_TRUE(second->was_left_open());
  second->say_done();
  second.reset();
  EXPECT_FALSE(DataDir::open(dir.path()).was_left_open());
}

TEST(DataDirTest, WhoOnlyLeavesItMakesNothingOfWhatAnotherLeftOpen) {
  const test::TempDir dir;
  DataDir::open(dir.path()).leave();
  EXPECT_FALSE(DataDir::open(dir.path()).was_left_open());  // ... and this one leaves it open
  DataDir::open(dir.path()).leave();
  EXPECT_TRUE(DataDir::open(dir.path()).was_left_open());
}

TEST(DataDirTest, AMarkWithoutANumberIsOneToo) {
  const test::TempDir dir;
  DataDir::open(dir.path()).say_done();
  std::filesystem::resize_file(dir / "lock", 1);  // as on a full disk, whose next block is nobody's
  const auto second = DataDir::open(dir.path());
  EXPECT_TRUE(second.was_left_open());
  std::filesystem::resize_file(dir / "lock", 0);
  std::filesystem::resize_file(dir / "lock", 1);
  try {
    DataDir::open(dir.path());
    FAIL() << "was opened twice";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("process"), std::string::npos) << error.what();
  }
}

TEST(DataDirTest, KeepsRoomForTheDayWhenTheDiskIsFull) {
  const test::TempDir dir;
  const auto data = DataDir::open(dir.path());
  ASSERT_GT(file_system_of(dir.path()).free, 64U << 20U) << "this test needs a disk";
  struct stat about{};
  ASSERT_EQ(::stat((dir / "reserve").c_str(), &about), 0);
  EXPECT_GE(about.st_blocks * 512, 4 << 20);
}

TEST(DataDirTest, OpeningRemovesNothing) {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "blobs");
  std::filesystem::create_directory(dir / "blobs/mine");
  DataDir::open(dir.path());
  EXPECT_TRUE(std::filesystem::exists(dir / "blobs/mine"));
}

TEST(DataDirTest, NetworkFileSystemsAreKnownByTheirType) {
  constexpr long kNfs = 0x6969;
  constexpr long kSmb2 = 0xFE534D42;
  constexpr long kSmb2Negative = -28095166;  // where f_type has 32 bits
  constexpr long kExt4 = 0xEF53;
  constexpr long kTmpfs = 0x01021994;
  EXPECT_TRUE(is_network_file_system(kNfs));
  EXPECT_TRUE(is_network_file_system(kSmb2));
  EXPECT_TRUE(is_network_file_system(kSmb2Negative));
  EXPECT_FALSE(is_network_file_system(kExt4));
  EXPECT_FALSE(is_network_file_system(kTmpfs));
}

}  // namespace
}  // namespace hubcache::store
