// What the kernel may say to any call of a socket, towards clients and towards the Hub: whoever
// asks gets what is right, or sees that it is not all; and the next one is served as ever.
#include <algorithm>
#include <cerrno>
#include <thread>
#include <vector>

#include "integration/fixture.h"
#include "support/faulty_sockets.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Storage;
using Call = FaultySockets::Call;
using End = FaultySockets::End;

constexpr std::uint64_t kSocketCalls = 4;  // of a kind; each of the first fails once

struct Question {
  std::string name;
  std::string_view method;
  std::string_view path;
  Fields fields = {};
};

class SocketFaults : public ServerTest {
 protected:
  SocketFaults() {
    hub.add_repo({.id = "org/fire"});
    hub.commit("org/fire", "main",
               {{.path = "stored.bin",
                 .content = Content::generated(300'000, 1),
                 .storage = Storage::kLfs},
                {.path = "config.json", .content = Content("{\"a\":1}")}});
    config.server.metrics_listen = {"127.0.0.1:0"};
    restart();
  }
  ~SocketFaults() override { stop(); }

  Answer ask(const Question& question) {
    return question.method == "HEAD" ? head(question.path, {}, question.fields)
                                     : get(question.path, {}, question.fields);
  }
  static std::vector<Question> questions() {
    return {{"small", "GET", "/org/fire/resolve/main/config.json"},
            {"file", "GET", kStored},
            {"the long way", "GET", kStored, {kLongWay}},
            {"range", "GET", kStored, {{"Range", "bytes=1000-249999"}}},
            {"ranges", "GET", kStored, {{"Range", "bytes=0-99,200000-299999"}}},
            {"HEAD", "HEAD", kStored},
            {"document", "GET", "/api/models/org/fire/tree/main"}};
  }
  /// Each is asked twice: from then on it is answered from memory.
  std::vector<Answer> learn() {
    std::vector<Answer> answers;
    for (const auto& question : questions()) {
      ask(question);
      wait_stored(question.name == "small" ? 1 : 2);
      answers.push_back(ask(question));
    }
    return answers;
  }
  /// The same, but for the line that tells the parts of several ranges from each other.
  static void expect_same(const Question& question, const Answer& answer, const Answer& right) {
    if (question.name != "ranges") {
      EXPECT_EQ(told(answer), told(right)) << question.name;
    } else {
      EXPECT_EQ(answer.status, right.status);
      EXPECT_EQ(answer.body.size(), right.body.size());
    }
    EXPECT_EQ(answer.complete, right.complete) << question.name;
  }
  /// Nobody is connected any more.
  void await_the_end_of_all() const {
    while (metric("hubcache_connections") > 1) std::this_thread::yield();  // this question's own
  }
};

TEST_F(SocketFaults, ShortCallsAndInterruptedOnesChangeNoAnswer) {
  const auto right = learn();
  for (const std::size_t most : {1U, 7U, 1'000U}) {
    FaultySockets faults(End::kOwn, {port});
    faults.shorten(Call::kSend, most);
    faults.shorten(Call::kReceive, most);
    if (most == 7) faults.interrupt();
    const auto all = questions();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto before = faults.calls(Call::kSend);
      expect_same(all[i], ask(all[i]), right[i]);
      EXPECT_GE(faults.calls(Call::kSend) - before, right[i].body.size() / most) << all[i].name;
    }
  }
  await_the_end_of_all();
}

class SocketFailure : public SocketFaults, public testing::WithParamInterface<int> {};

TEST_P(SocketFailure, TowardsAClientCutsItsAnswerOnly) {
  const auto right = learn();
  const auto all = questions();
  FaultySockets faults(End::kOwn, {port});
  faults.shorten(Call::kSend, 100'000);  // so that a file takes several
  for (const auto kind : {Call::kReceive, Call::kSend}) {
    int cuts = 0;
    for (std::uint64_t nth = 1; nth <= kSocketCalls; ++nth) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        faults.fail_call(kind, nth, GetParam());
        const auto answer = ask(all[i]);
        if (!answer.complete) ++cuts;
        if (answer.complete) {
          expect_same(all[i], answer, right[i]);
        } else if (all[i].name != "ranges") {
          EXPECT_TRUE(right[i].body.starts_with(answer.body)) << all[i].name;
        }
        faults.fail_call(kind, 0, 0);
        expect_same(all[i], ask(all[i]), right[i]);
      }
    }
    EXPECT_GT(cuts, 0);
  }
  await_the_end_of_all();
}

TEST_P(SocketFailure, TowardsTheHubIsTriedAgain) {
  FaultySockets faults(End::kOther, {hub.port(), hub.cdn_port()});
  faults.shorten(Call::kReceive, 10'000);
  for (const auto kind : {Call::kConnect, Call::kSend, Call::kReceive}) {
    std::uint64_t most_calls = 0;
    for (std::uint64_t nth = 1; nth <= kSocketCalls; ++nth) {
      const auto seed = nth * 10 + static_cast<std::uint64_t>(kind);
      const auto name = std::to_string(seed) + ".bin";
      hub.commit(
          "org/fire", "main",
          {{.path = name, .content = Content::generated(200'000, seed), .storage = Storage::kLfs}});
      faults.fail_call(kind, nth, GetParam());
      const auto answer = get("/org/fire/resolve/" + hub.sha("org/fire") + "/" + name);
      most_calls = std::max(most_calls, faults.calls(kind));
      EXPECT_EQ(answer.status, 200) << name;
      EXPECT_TRUE(answer.complete) << name;
      EXPECT_TRUE(answer.body == hub.bytes("org/fire", name)) << name;
    }
    EXPECT_GT(most_calls, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, SocketFailure,
                         testing::Values(ECONNRESET, ETIMEDOUT, ENOBUFS, ENOMEM),
                         [](const auto& row) { return std::string(strerrorname_np(row.param)); });

TEST_F(SocketFaults, ListenersGoOnAcceptingWhateverAcceptSays) {
  const auto right = get(kConfig);
  for (const int code : {ECONNABORTED, EPROTO, EINTR, EPERM, EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    FaultySockets faults(End::kOwn, {port});
    faults.fail_call(Call::kAccept, 1, code);
    EXPECT_EQ(told(get(kConfig)), told(right)) << strerrorname_np(code);
    EXPECT_GE(faults.calls(Call::kAccept), 2U);
  }
}

}  // namespace
}  // namespace hubcache::test
