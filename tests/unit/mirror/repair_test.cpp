#include "hubcache/mirror/repair.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "hubcache/base/signal.h"

#include "fixture.h"

namespace hubcache::mirror {
namespace {

class RepairTest : public MirrorTest {
 protected:
  /// Looks at everything; a refetch is remembered, and succeeds when `can_fetch` says so.
  void repair_all(bool verify_checksums = true) {
    RepairParts parts{.database = database,
                      .store = store,
                      .refetch = [this](catalog::KeptEntry entry) -> Task<bool> {
                        fetched.push_back(entry.key);
                        co_return can_fetch;
                      }};
    runner.run(repair(std::move(parts), verify_checksums, run));
  }
  void expect(std::int64_t missing, std::int64_t corrupted, std::int64_t repaired) const {
    EXPECT_EQ(run.done("repair.missing"), missing);
    EXPECT_EQ(run.done("repair.corrupted"), corrupted);
    EXPECT_EQ(run.done("repair.repaired"), repaired);
  }

  bool can_fetch = true;
  std::vector<std::string> fetched;
};

TEST_F(RepairTest, WhatIsWrongIsFetchedAnewByTheEntryThatNamesIt) {
  for (const auto* text : {"right", "false", "missing"}) put(text);
  enter("r/2", "right");
  const auto untrue = enter("r/2", "false");
  const auto missing = enter("r/2", "missing");
  damage("false");
  std::filesystem::remove(file_of("missing"));
  repair_all();
  expect(1, 1, 2);
  EXPECT_EQ(std::set(fetched.begin(), fetched.end()), (std::set{untrue, missing}));
}

TEST_F(RepairTest, WithoutChecksumsOnlyTheAbsenceOfAFileIsSeen) {
  for (const auto* text : {"false", "missing"}) put(text);
  enter("r/2", "missing");
  damage("false");
  std::filesystem::remove(file_of("missing"));
  repair_all(false);
  expect(1, 0, 1);
  EXPECT_TRUE(is_stored("false"));
}

TEST_F(RepairTest, WhatNothingNamesOrNobodyHasIsNotRepaired) {
  for (const auto* text : {"unnamed", "named"}) put(text);
  enter("r/2", "named");
  damage("unnamed");
  damage("named");
  can_fetch = false;
  repair_all();
  expect(0, 2, 0);
  EXPECT_EQ(fetched.size(), 1U);
  EXPECT_FALSE(is_stored("named"));
}

TEST_F(RepairTest, WhatIsLostIsFetchedAnewInTheBackgroundOnceEach) {
  std::map<std::string, std::string> text_of;  // by the key of its entry
  for (const auto* text : {"a", "b", "c"}) text_of[enter("r/2", text)] = text;
  // Both belong to the worker, as what was fetched does.
  Signal changed;
  bool held = true;
  auto hold = [&](catalog::KeptEntry entry) -> Task<bool> {
    fetched.push_back(text_of.at(entry.key));
    changed.notify();
    while (held) co_await changed.wait();
    if (fetched.size() == 1) throw std::runtime_error("one that fails");
    co_return true;
  };
  const auto wait_for = [&](std::size_t count) -> Task<> {
    while (fetched.size() < count) co_await changed.wait();
  };
  RefetchQueue queue({.database = database, .store = store, .refetch = hold}, runner.executor(),
                     log);
  const auto add = [&](std::string_view texts) {
    for (const char text : texts) queue.add(digest_of({&text, 1}));
  };
  runner.call([&] { add("a"); });
  runner.run(wait_for(1));
  runner.call([&] { add("abcb"); });
  runner.call([&] {
    EXPECT_EQ(fetched, std::vector<std::string>{"a"}) << "one after the other";
    held = false;
    changed.notify();
  });
  runner.run(wait_for(3));
  runner.call([&] { add("a"); });
  runner.run(wait_for(4));
  runner.stop();
  std::sort(fetched.begin() + 1, fetched.begin() + 3);
  EXPECT_EQ(fetched, (std::vector<std::string>{"a", "b", "c", "a"}));
}

}  // namespace
}  // namespace hubcache::mirror
