#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hubcache/hub/hub.h"

#include "unit/hub/fixture.h"

namespace hubcache::hub {
namespace {

using hubsim::Fault;
using hubsim::Host;
using testing::StartsWith;

class OpenFileTest : public HubFixture {
 protected:
  struct Got {
    std::uint64_t offset;
    std::uint64_t size;
    std::string location;
    std::string bytes;
  };

  Got open(FileRef ref, std::string location, std::uint64_t offset, std::uint64_t length,
           Credential credential = anonymous(), std::optional<Digest> expected = {}) {
    return runner.run(read(*hubs[0], endpoint(), std::move(credential), std::move(ref),
                           std::move(location), std::move(expected), offset, length));
  }

  std::optional<Digest> digest(const std::string& repo, const std::string& path) const {
    return Digest::from_etag(sim.etag(repo, path));
  }

 private:
  static Task<Got> read(Hub& hub, EndpointPtr endpoint, Credential credential, FileRef ref,
                        std::string location, std::optional<Digest> expected, std::uint64_t offset,
                        std::uint64_t length) {
    auto stream = co_await hub.open_file(std::move(endpoint), std::move(credential), std::move(ref),
                                         std::move(location), std::move(expected), offset, length);
    constexpr std::size_t kLimit = 64UL * 1024 * 1024;
    auto bytes = co_await stream.response.read_all(kLimit);
    co_return Got{stream.offset, stream.size, stream.location, std::move(bytes)};
  }
};

TEST_F(OpenFileTest, DeliversTheAskedRangeFromTheCdn) {
  const auto location = head(file("org/model", kWeights)).location;
  sim.clear_log();
  const auto got = open(file("org/model", kWeights), location, 1000, 5000);
  EXPECT_EQ(got.offset, 1000U);
  EXPECT_EQ(got.size, sim.size("org/model", kWeights));
  EXPECT_EQ(got.bytes, sim.bytes("org/model", kWeights, 1000, 5000));
  EXPECT_EQ(got.location, location);
  EXPECT_EQ(asked(), 0U);
  EXPECT_EQ(sim.log().back().header("Range"), "bytes=1000-5999");
}

TEST_F(OpenFileTest, FindsTheBytesItselfWhenNobodyHas) {
  const auto size = sim.size("org/model", "config.json");
  const auto got = open(file("org/model", "config.json"), "", 0, size, anonymous(),
                        digest("org/model", "config.json"));
  EXPECT_EQ(got.bytes, sim.bytes("org/model", "config.json"));
  EXPECT_EQ(got.size, size);
  EXPECT_THAT(got.location, StartsWith(sim.url() + "/api/resolve-cache/"));
  EXPECT_EQ(asked("HEAD"), 0U);
}

TEST_F(OpenFileTest, OpensAnEmptyFile) {
  const auto got = open(file("org/model", "empty.txt"), "", 0, 0);
  EXPECT_EQ(got.bytes, "");
  EXPECT_EQ(got.offset, 0U);
}

TEST_F(OpenFileTest, SaysThatTheRangeWasIgnored) {
  sim.set_fault({.kind = Fault::Kind::kIgnoreRange, .host = Host::kCdn});
  const auto got = open(file("gpt2", kWeights), "", 100, 10);
  EXPECT_EQ(got.offset, 0U);
  EXPECT_EQ(got.bytes.size(), sim.size("gpt2", kWeights));
}

TEST_F(OpenFileTest, AsksTheHubAgainWhenTheSignedUrlIsRefused) {
  const auto location = head(file("org/model", kWeights)).location;
  sim.clear_log();
  sim.set_fault({.kind = Fault::Kind::kExpire, .host = Host::kCdn, .count = 1});
  const auto got = open(file("org/model", kWeights), location, 0, 10, anonymous(),
                        digest("org/model", kWeights));
  EXPECT_EQ(got.bytes, sim.bytes("org/model", kWeights, 0, 10));
  EXPECT_EQ(asked("GET", "/resolve/"), 1U);
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(asked_cdn(), 2U);
}

TEST_F(OpenFileTest, GivesUpWhenTheNewUrlIsRefusedToo) {
  sim.set_fault({.kind = Fault::Kind::kExpire, .host = Host::kCdn});
  EXPECT_EQ(test::kind_thrown_by([this] { open(file("org/model", kWeights), "", 0, 10); }),
            Error::Kind::kUpstream);
}

TEST_F(OpenFileTest, RefusesAFileThatIsAnotherOneNow) {
  const auto other = digest("gpt2", kWeights);
  const auto call = [this, &other](std::string location) {
    return test::kind_thrown_by(
        [&] { open(file("org/model", kWeights), std::move(location), 0, 10, anonymous(), other); });
  };
  EXPECT_EQ(call(""), Error::Kind::kCorrupt);
  EXPECT_EQ(call(sim.url() + "/org/model/resolve/main/model.safetensors"), Error::Kind::kCorrupt);
  EXPECT_EQ(asked_cdn(), 0U);
}

TEST_F(OpenFileTest, ARightThatWasTakenAwayEndsIt) {
  const auto ref = file("org/model", "config.json");
  const auto location = head(ref).location;
  sim.set_visibility("org/model", {.gate = hubsim::Gate::kManual});
  try {
    open(ref, location, 0, 10, caller("hf_other"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kForbidden);
    EXPECT_EQ(error.hub().code, "GatedRepo");
    EXPECT_EQ(error.hub().status, 403);
  }
  EXPECT_EQ(test::kind_thrown_by([&] { open(ref, location, 0, 10); }), Error::Kind::kUnauthorized);
}

TEST_F(OpenFileTest, ARangeBeyondTheEndIsTheUpstreamsFault) {
  EXPECT_EQ(test::kind_thrown_by([this] { open(file("gpt2", "config.json"), "", 9999, 10); }),
            Error::Kind::kUpstream);
}

TEST_F(OpenFileTest, FollowsTheHubToItsCdnWithoutTheRight) {
  const auto got =
      open(file("org/private", kWeights), sim.url() + "/org/private/resolve/main/model.safetensors",
           5, 7, caller("hf_good"));
  EXPECT_EQ(got.bytes, sim.bytes("org/private", kWeights, 5, 7));
  EXPECT_THAT(got.location, StartsWith(sim.cdn_url()));
  EXPECT_EQ(sim.cdn_authorizations(), 0U);
}

// SECURITY 3
TEST_F(OpenFileTest, ARedirectBackToTheHubCarriesNoRight) {
  const auto location = head(file("org/model", kWeights)).location;
  sim.clear_log();
  sim.set_fault({.kind = Fault::Kind::kStatus,
                 .host = Host::kCdn,
                 .status = 302,
                 .headers = {{"Location", sim.url() + "/api/whoami-v2"}},
                 .count = 1});
  EXPECT_NO_THROW(open(file("org/model", kWeights), location, 0, 10, caller("hf_good")));
  const auto log = sim.log();
  ASSERT_GE(log.size(), 2U);
  EXPECT_EQ(log[1].target, "/api/whoami-v2");
  EXPECT_EQ(log[1].header("Authorization"), "");
}

TEST_F(OpenFileTest, TroubleIsThrownAtOnce) {
  remote.max_retries = 3;
  const auto location = head(file("org/model", kWeights)).location;
  sim.clear_log();
  sim.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kCdn, .status = 503});
  EXPECT_EQ(test::kind_thrown_by([&] { open(file("org/model", kWeights), location, 0, 10); }),
            Error::Kind::kUpstream);
  EXPECT_EQ(asked_cdn(), 1U);
}

}  // namespace
}  // namespace hubcache::hub
