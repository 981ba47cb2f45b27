#include "hubcache/hub/probe.h"

#include <future>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <gtest/gtest.h>

#include "unit/hub/fixture.h"

namespace hubcache::hub {
namespace {

using hubsim::Fault;
using DocumentPtr = std::shared_ptr<const DocumentAnswer>;

constexpr auto kTarget = "/api/models/org/model/tree/main";

class FlightsTest : public HubFixture {
 protected:
  /// The document's body waits until release(), so that every asker finds the call in flight.
  void hold_back() { sim.set_fault({.kind = Fault::Kind::kStall, .match = "/tree/main"}); }

  std::future<DocumentPtr> ask(Credential credential, std::size_t worker) {
    return runner.start(flights->document(endpoint(), std::move(credential),
                                          {.repo = model("org/model"), .target = kTarget}),
                        worker);
  }

  /// Everything that was started before has come to its home worker.
  void settle() {
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < 2; ++i) runner.call([] {}, i);
    }
  }
};

TEST_F(FlightsTest, EightAskersMakeOneCall) {
  hold_back();
  std::vector<std::future<DocumentPtr>> answers;
  for (std::size_t i = 0; i < 8; ++i) answers.push_back(ask(anonymous(), i % 2));
  settle();
  sim.release();
  const auto first = answers.front().get();
  EXPECT_EQ(first->status, 200);
  for (std::size_t i = 1; i < answers.size(); ++i) EXPECT_EQ(answers[i].get(), first);
  EXPECT_EQ(asked(), 1U);
}

// SECURITY 5
TEST_F(FlightsTest, DifferentCredentialsNeverShareACall) {
  hold_back();
  remote.token = "hf_good";
  std::vector<std::future<DocumentPtr>> answers;
  answers.push_back(ask(anonymous(), 0));
  answers.push_back(ask(by_remote(), 0));
  answers.push_back(ask(caller("hf_good"), 0));
  answers.push_back(ask(caller("hf_other"), 0));
  settle();
  sim.release();
  for (auto& answer : answers) EXPECT_EQ(answer.get()->status, 200);
  EXPECT_EQ(asked(), 4U);
}

TEST_F(FlightsTest, AnotherEpochIsAnotherCall) {
  hold_back();
  auto before = ask(anonymous(), 0);
  ++remote.epoch;
  auto after = ask(anonymous(), 0);
  settle();
  sim.release();
  EXPECT_NE(before.get(), after.get());
  EXPECT_EQ(asked(), 2U);
}

TEST_F(FlightsTest, NothingIsKeptAfterTheCall) {
  ask(anonymous(), 0).get();
  ask(anonymous(), 1).get();
  EXPECT_EQ(asked(), 2U);
}

TEST_F(FlightsTest, AnAskerWhoLeavesDoesNotEndTheCall) {
  hold_back();
  asio::cancellation_signal leave;
  std::promise<bool> left;
  runner.call([&] {
    asio::co_spawn(
        runner.executor(0),
        flights->document(endpoint(), anonymous(), {.repo = model("org/model"), .target = kTarget}),
        asio::bind_cancellation_slot(leave.slot(),
                                     [&left](std::exception_ptr failure, DocumentPtr) {
                                       left.set_value(failure != nullptr);
                                     }));
  });
  settle();
  auto stays = ask(anonymous(), 1);
  settle();
  runner.call([&] { leave.emit(asio::cancellation_type::terminal); });
  EXPECT_TRUE(left.get_future().get());
  sim.release();
  EXPECT_EQ(stays.get()->status, 200);
  EXPECT_EQ(asked(), 1U);
}

TEST_F(FlightsTest, EveryAskerSeesTheFailure) {
  sim.stop();
  auto one = ask(anonymous(), 0);
  auto two = ask(anonymous(), 1);
  EXPECT_EQ(test::kind_thrown_by([&] { one.get(); }), Error::Kind::kUpstream);
  EXPECT_EQ(test::kind_thrown_by([&] { two.get(); }), Error::Kind::kUpstream);
}

TEST_F(FlightsTest, AFailureKeepsItsDetail) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/tree/main", .status = 429});
  try {
    ask(anonymous(), 0).get();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kTooManyRequests);
    EXPECT_EQ(error.hub().status, 429);
  }
}

class ProbeTest : public HubFixture {
 protected:
  Probe probe{*flights, endpoint(), anonymous(), file("org/model", "config.json")};
};

TEST_F(ProbeTest, AsksNothingUntilSomeoneNeedsIt) {
  EXPECT_EQ(probe.head_if_known(), nullptr);
  EXPECT_EQ(asked(), 0U);
}

TEST_F(ProbeTest, AsksEachQuestionOnce) {
  runner.run(probe.ask_both());
  EXPECT_NE(probe.head_if_known(), nullptr);
  EXPECT_EQ(runner.run(probe.head())->status, 200);
  EXPECT_EQ(runner.run(probe.auth())->status, 200);
  runner.run(probe.ask_both());
  EXPECT_EQ(asked("HEAD", "/org/model/resolve/"), 1U);
  EXPECT_EQ(asked("GET", "auth-check"), 1U);
}

TEST_F(ProbeTest, AsksOnlyWhatIsMissing) {
  runner.run(probe.auth());
  EXPECT_EQ(asked("HEAD"), 0U);
  runner.run(probe.ask_both());
  EXPECT_EQ(asked("GET", "auth-check"), 1U);
}

TEST_F(ProbeTest, ThrowsAFailureToWhoNeedsTheAnswer) {
  sim.set_fault({.kind = Fault::Kind::kStatus, .match = "/resolve/", .status = 500});
  EXPECT_NO_THROW(runner.run(probe.ask_both()));
  EXPECT_EQ(runner.run(probe.auth())->status, 200);
  EXPECT_EQ(test::kind_thrown_by([this] { runner.run(probe.head()); }), Error::Kind::kUpstream);
  EXPECT_EQ(test::kind_thrown_by([this] { runner.run(probe.head()); }), Error::Kind::kUpstream);
  EXPECT_EQ(asked("HEAD"), 1U);
}

}  // namespace
}  // namespace hubcache::hub
