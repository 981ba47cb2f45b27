#include "hubcache/fill/slots.h"

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <gtest/gtest.h>

#include "support/run.h"

namespace hubcache::fill::test {
namespace {

using hubcache::test::kind_thrown_by;

class SlotsTest : public testing::Test {
 protected:
  /// Whether it was given one, or waits, is known when this returns.
  std::future<Slot> ask(const Slots& slots, Need need, std::string remote, std::size_t most = 0,
                        SteadyTime deadline = SteadyTime::max()) {
    return ask_by(slots, std::make_shared<Claim>(need), std::move(remote), most, deadline);
  }
  std::future<Slot> ask_by(const Slots& slots, std::shared_ptr<Claim> claim, std::string remote,
                           std::size_t most = 0, SteadyTime deadline = SteadyTime::max()) {
    worker_ = 1 - worker_;
    auto asked = runner_.start(
        slots.take(std::move(claim), {.id = std::move(remote), .most = most}, deadline), worker_);
    settle();
    return asked;
  }
  void settle() {
    for (const std::size_t worker : {0U, 1U}) runner_.call([] {}, worker);
  }
  bool waits(std::future<Slot>& asked) {
    for (int i = 0; i < 2; ++i) settle();  // it is woken, and goes on
    return asked.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }
  /// What is there by now.
  Slot given(std::future<Slot> asked) {
    if (waits(asked)) throw std::runtime_error("it has no slot");
    return asked.get();
  }
  /// How many such slots there are to be had, with those that are held.
  std::vector<Slot> all_of(const Slots& slots, Need need, const std::string& remote,
                           std::size_t most = 0) {
    std::vector<Slot> held;
    while (true) {
      auto asked = ask(slots, need, remote, most);
      if (waits(asked)) {
        kept_.push_back(std::move(asked));
        return held;
      }
      held.push_back(asked.get());
    }
  }

  hubcache::test::Runner runner_{2};

 private:
  std::size_t worker_ = 0;
  std::vector<std::future<Slot>> kept_;  // those that wait to the end
};

TEST_F(SlotsTest, NoMoreAreHeldAtATimeThanThereAre) {
  const Slots slots(2);
  std::optional<Slot> first = given(ask(slots, Need::kAwaited, "a"));
  const Slot second = given(ask(slots, Need::kAwaited, "b"));
  auto third = ask(slots, Need::kAwaited, "c");
  EXPECT_TRUE(waits(third));
  first.reset();
  EXPECT_TRUE(given(std::move(third)));
}

TEST_F(SlotsTest, ARemoteKeepsToItsLimit) {
  const Slots slots(100);
  auto held = all_of(slots, Need::kAwaited, "a", 3);
  EXPECT_EQ(held.size(), 3U);
  EXPECT_TRUE(given(ask(slots, Need::kAwaited, "b", 3)));
}

TEST_F(SlotsTest, OneRemoteLeavesAQuarterToOthers) {
  const Slots slots(8);
  const auto a = all_of(slots, Need::kAwaited, "a");
  EXPECT_EQ(a.size(), 6U);
  const Slot b = given(ask(slots, Need::kAwaited, "b"));
  const Slot c = given(ask(slots, Need::kAwaited, "c"));
  auto d = ask(slots, Need::kAwaited, "d");
  EXPECT_TRUE(waits(d));
}

TEST_F(SlotsTest, WhatNobodyWaitsForLeavesHalf) {
  const Slots slots(8);
  const auto background = all_of(slots, Need::kBackground, "a");
  EXPECT_EQ(background.size(), 4U);
  EXPECT_TRUE(given(ask(slots, Need::kAhead, "a")));
  EXPECT_TRUE(given(ask(slots, Need::kAwaited, "b")));
}

TEST_F(SlotsTest, WhatNobodyWaitsForLeavesTheLastOfItsRemote) {
  const Slots slots(100);
  const auto background = all_of(slots, Need::kBackground, "a", 3);
  EXPECT_EQ(background.size(), 2U);
  EXPECT_TRUE(given(ask(slots, Need::kAwaited, "a", 3)));
  EXPECT_TRUE(given(ask(slots, Need::kBackground, "b", 1))) << "who has none gets one";
}

TEST_F(SlotsTest, TheOnlySlotIsForWhomever) {
  const Slots slots(1);
  EXPECT_TRUE(given(ask(slots, Need::kBackground, "a")));
  EXPECT_TRUE(given(ask(slots, Need::kAwaited, "a")));
}

TEST_F(SlotsTest, NeedComesFirstAndThenWhoWaitsLongest) {
  const Slots slots(1);
  auto held = given(ask(slots, Need::kBackground, "a"));
  auto background = ask(slots, Need::kBackground, "a");
  auto ahead = ask(slots, Need::kAhead, "a");
  auto awaited = ask(slots, Need::kAwaited, "a");
  auto awaited_later = ask(slots, Need::kAwaited, "a");
  held.give_back();
  for (auto* next : {&awaited, &awaited_later, &ahead, &background}) {
    held = given(std::move(*next));
    EXPECT_TRUE(held);
    held.give_back();
  }
}

TEST_F(SlotsTest, TheRemoteWithTheFewestIsNext) {
  const Slots slots(4);
  auto a = all_of(slots, Need::kAwaited, "a");
  ASSERT_EQ(a.size(), 3U);
  auto b = given(ask(slots, Need::kAwaited, "b"));
  auto a_again = ask(slots, Need::kAwaited, "a");
  auto b_again = ask(slots, Need::kAwaited, "b");
  a.pop_back();
  EXPECT_TRUE(given(std::move(b_again)));
  EXPECT_TRUE(waits(a_again));
}

TEST_F(SlotsTest, WhoseNeedGrowsIsServedBeforeOthers) {
  const Slots slots(2);
  const auto claim = std::make_shared<Claim>(Need::kBackground);
  const Slot held = given(ask_by(slots, claim, "a"));
  auto second = ask_by(slots, claim, "a");
  EXPECT_TRUE(waits(second));
  slots.change(*claim, Need::kAwaited);
  EXPECT_TRUE(given(std::move(second)));
}

TEST_F(SlotsTest, WhoGivesUpLeavesTheLine) {
  const Slots slots(1);
  auto held = given(ask(slots, Need::kAwaited, "a"));
  EXPECT_EQ(kind_thrown_by([&] { ask(slots, Need::kAwaited, "a", 0, SteadyTime::min()).get(); }),
            Error::Kind::kUpstreamTimeout);
  auto next = ask(slots, Need::kBackground, "a");
  held.give_back();
  EXPECT_TRUE(given(std::move(next)));
}

TEST_F(SlotsTest, WhatOneIsGrantedWhoIsCancelledGoesToTheNext) {
  const Slots slots(1);
  auto held = given(ask(slots, Need::kAwaited, "a"));
  asio::cancellation_signal cancel;
  std::promise<void> ended;
  runner_.call([&] {
    auto done = [&](const std::exception_ptr&, const Slot&) { ended.set_value(); };
    asio::co_spawn(runner_.executor(),
                   slots.take(std::make_shared<Claim>(Need::kAwaited), {.id = "a"}),
                   asio::bind_cancellation_slot(cancel.slot(), std::move(done)));
  });
  auto next = ask(slots, Need::kAwaited, "a");
  runner_.call([&] {
    held.give_back();
    cancel.emit(asio::cancellation_type::terminal);
  });
  ended.get_future().get();
  EXPECT_TRUE(next.get());
}

TEST_F(SlotsTest, ASlotIsWantedByAReaderWhoseRemoteHasNoMore) {
  const Slots slots(4);
  auto a = all_of(slots, Need::kAwaited, "a");  // and one more is in line
  ASSERT_EQ(a.size(), 3U);
  const Slot b = given(ask(slots, Need::kAhead, "b"));
  EXPECT_TRUE(a.front().is_wanted());
  EXPECT_FALSE(b.is_wanted()) << "b has fewer than who would get it";
}

TEST_F(SlotsTest, ASlotIsNotWantedByWhatNobodyWaitsFor) {
  const Slots slots(1);
  const Slot held = given(ask(slots, Need::kBackground, "a"));
  EXPECT_FALSE(held.is_wanted());
  auto background = ask(slots, Need::kBackground, "a");
  auto ahead = ask(slots, Need::kAhead, "a");
  EXPECT_FALSE(held.is_wanted());
  auto awaited = ask(slots, Need::kAwaited, "a");
  EXPECT_TRUE(held.is_wanted());
}

TEST_F(SlotsTest, SlotsMayGoBeforeWhatTheyGave) {
  std::optional<Slots> slots(1);
  auto held = given(ask(*slots, Need::kAwaited, "a"));
  auto next = ask(*slots, Need::kAwaited, "a");
  slots.reset();
  held.give_back();
  EXPECT_TRUE(given(std::move(next)));
}

}  // namespace
}  // namespace hubcache::fill::test
