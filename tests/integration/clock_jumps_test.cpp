// Somebody sets the clock, forward or back: nothing breaks, and no right lasts the longer for it.
#include <future>
#include <thread>
#include <vector>

#include "integration/fixture.h"
#include "support/matrix.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

struct Jump {
  std::string name;
  std::chrono::milliseconds by;
  // With the Hub gone: a day beyond its time (stale_grants), and never if it is of the future.
  bool right_outlives = false;
};

class ClockJumps : public ServerTest, public testing::WithParamInterface<Jump> {};

TEST_P(ClockJumps, DoNotHarmADownload) {
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 4 << 20});
  auto reader = std::async(std::launch::async, [this] { return get(kBig); });
  while (hub.body_bytes(Host::kCdn) < 4 << 20) std::this_thread::yield();
  clock.jump(GetParam().by);
  hub.release();
  const auto answer = reader.get();
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body == hub.bytes("org/model", "model.safetensors"));
  wait_stored(1);
  EXPECT_TRUE(get(kBig).body == answer.body);
  clock.jump(-GetParam().by);
  EXPECT_TRUE(get(kBig).body == answer.body);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), answer.body.size());
}

TEST_P(ClockJumps, ProlongNoRight) {
  ASSERT_EQ(get(kPrivate, "hf_good").status, 200);
  hub.revoke_token("hf_good");
  clock.jump(GetParam().by);
  EXPECT_EQ(get(kPrivate, "hf_good").status, 401);
  EXPECT_EQ(head(kPrivate, "hf_good").status, 401);
}

TEST_P(ClockJumps, KeepWhatIsCachedWhileTheHubIsGone) {
  const auto before = get(kBig);
  ASSERT_EQ(before.status, 200);
  wait_stored(1);
  const auto delivered = hub.body_bytes(Host::kCdn);
  hub.stop();
  clock.jump(GetParam().by);
  EXPECT_EQ(get(kBig).status, GetParam().right_outlives ? 200 : 502);
  clock.jump(-GetParam().by);
  EXPECT_TRUE(get(kBig).body == before.body) << "somebody set it right again";
  clock.jump(GetParam().by);
  hub.start();
  clock.advance(10s);
  EXPECT_TRUE(get(kBig).body == before.body);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), delivered);
}

INSTANTIATE_TEST_SUITE_P(Table, ClockJumps,
                         testing::ValuesIn(std::vector<Jump>{{"an hour forward", 1h, true},
                                                             {"an hour back", -1h},
                                                             {"ten years forward", 87'600h},
                                                             {"ten years back", -87'600h}}),
                         [](const testing::TestParamInfo<Jump>& row) {
                           return test_name(row.param.name);
                         });

}  // namespace
}  // namespace hubcache::test
