#include "hubcache/content/stored_table.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hubcache::content {
namespace {

using namespace std::chrono_literals;

StoredTable::File file_of(std::uint64_t inode) {
  return {.on_disk = {.size = 100, .inode = inode}};
}

class StoredTableTest : public ::testing::Test {
 protected:
  static constexpr StoredTable::Limits kSmall{.bytes = 8 * 1024, .folders = 4};

  bool knows(std::string_view folder, std::string_view path) {
    return table.find({folder, path}, false, 0min).has_value();
  }
  std::size_t known_in(const std::vector<std::string>& folders) {
    std::size_t count = 0;
    for (const auto& folder : folders) {
      for (int i = 0; i < 200; ++i) count += knows(folder, std::to_string(i)) ? 1 : 0;
    }
    return count;
  }

  StoredTable table{kSmall};
  const Ground ground{.commit = "one"};
};

TEST_F(StoredTableTest, AFileIsKnownFromTheFirstTimeAndKeptOnce) {
  EXPECT_FALSE(knows("a/", "f"));
  EXPECT_FALSE(table.keep({"a/", "f"}, ground, file_of(1), 0min));
  EXPECT_TRUE(table.keep({"a/", "f"}, ground, file_of(2), 0min));
  const auto found = table.find({"a/", "f"}, true, 0min);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file.on_disk.inode, 2U);
  EXPECT_EQ(found->ground->commit, "one");
  EXPECT_FALSE(knows("a/", "g"));
  EXPECT_FALSE(knows("b/", "f"));
  EXPECT_TRUE(table.file_of(file_of(2).on_disk));
  EXPECT_FALSE(table.file_of(file_of(1).on_disk));
}

TEST_F(StoredTableTest, AFolderHasOneGround) {
  table.keep({"a/", "f"}, ground, file_of(1), 0min);
  table.keep({"a/", "g"}, Ground{.commit = "another"}, file_of(2), 0min);
  EXPECT_FALSE(knows("a/", "f"));
  EXPECT_TRUE(knows("a/", "g"));
}

TEST_F(StoredTableTest, FullItForgetsTheFolderThatWasReadLongestAgo) {
  for (int i = 0; i < 15; ++i) table.keep({"a/", std::to_string(i)}, ground, file_of(1), 0min);
  for (int i = 0; i < 15; ++i) table.keep({"b/", std::to_string(i)}, ground, file_of(1), 0min);
  EXPECT_TRUE(knows("a/", "0"));
  for (int i = 0; i < 5; ++i) table.keep({"c/", std::to_string(i)}, ground, file_of(1), 0min);
  EXPECT_EQ(known_in({"a/"}), 15U);
  EXPECT_EQ(known_in({"b/"}), 0U);
  EXPECT_EQ(known_in({"c/"}), 5U);
}

TEST_F(StoredTableTest, OfManyFoldersTheLastOnesAreKnown) {
  for (int i = 0; i < 10; ++i) table.keep({std::to_string(i) + "/", "f"}, ground, file_of(1), 0min);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(knows(std::to_string(i) + "/", "f"), i >= 6) << i;
}

TEST_F(StoredTableTest, FoldersThatTakeTurnsLeaveItMostlyFull) {
  const std::vector<std::string> folders{"a/", "b/", "c/"};
  for (int i = 0; i < 200; ++i) {
    for (const auto& folder : folders) {
      table.keep({folder, std::to_string(i)}, ground, file_of(1), 0min);
      ASSERT_TRUE(knows(folder, std::to_string(i))) << folder << i;
    }
  }
  for (int i = 0; i < 200; ++i) {
    for (const auto& folder : folders)
      table.keep({folder, std::to_string(i)}, ground, file_of(1), 0min);
  }
  // Of 31 that fit: a third goes at a time.
  EXPECT_GE(known_in(folders), 10U);
  EXPECT_LE(known_in(folders), 32U);
}

TEST_F(StoredTableTest, OneFolderTakesNoMoreThanTheWhole) {
  for (int i = 0; i < 200; ++i) table.keep({"a/", std::to_string(i)}, ground, file_of(1), 0min);
  EXPECT_EQ(known_in({"a/"}), 31U);
}

TEST_F(StoredTableTest, WhatIsAskedForOftenIsSaidToBeOnceInAWhile) {
  table.keep({"a/", "f"}, ground, file_of(1), 0min);
  for (int i = 1; i <= 32; ++i) {
    const bool is_read = i % 3 != 0;  // HEAD is asked for often, too
    EXPECT_EQ(table.find({"a/", "f"}, is_read, 0min)->is_hot, i % 16 == 0) << i;
  }
}

TEST_F(StoredTableTest, WhatIsReadAmongManyOthersIsNot) {
  table.keep({"a/", "f"}, ground, file_of(1), 0min);
  table.keep({"a/", "other"}, ground, file_of(2), 0min);
  for (int i = 0; i < 40; ++i) {
    EXPECT_FALSE(table.find({"a/", "f"}, true, 0min)->is_hot);
    for (int others = 0; others < 1500; ++others) table.find({"a/", "other"}, true, 0min);
  }
}

TEST_F(StoredTableTest, AUseIsDueEveryTenMinutes) {
  table.keep({"a/", "f"}, ground, file_of(1), 100min);
  const auto is_due = [this](std::chrono::minutes now) {
    return table.find({"a/", "f"}, true, now)->is_use_due;
  };
  EXPECT_FALSE(is_due(109min));
  EXPECT_FALSE(table.find({"a/", "f"}, false, 110min)->is_use_due);
  EXPECT_TRUE(is_due(110min));
  EXPECT_FALSE(is_due(110min));
  EXPECT_FALSE(is_due(119min));
  EXPECT_TRUE(is_due(120min));
}

TEST_F(StoredTableTest, AllWorkersMayUseIt) {
  std::atomic<int> found = 0;
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      for (int i = 0; i < 2'000; ++i) {
        const auto folder = std::to_string((worker + i) % 6) + "/";
        const auto path = std::to_string(i % 20);
        const auto inode = static_cast<std::uint64_t>(1 + i % 20);
        table.keep({folder, path}, ground, file_of(inode), 0min);
        if (const auto known = table.find({folder, path}, true, std::chrono::minutes(i))) {
          ++found;
          EXPECT_EQ(known->file.on_disk.inode, inode);
        }
        if (i % 100 == 0) table.file_of(file_of(1).on_disk);
      }
    });
  }
  workers.clear();
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace hubcache::content
