#include "hubcache/hub/types.h"

#include <gtest/gtest.h>

namespace hubcache::hub {
namespace {

Endpoint hub_example() {
  Endpoint endpoint;
  endpoint.remote = "r1";
  endpoint.epoch = 3;
  endpoint.base = http::Url::parse("https://hub.example").value();
  endpoint.origin.host = "hub.example";
  return endpoint;
}

TEST(Types, NameARepoByTypeAndName) {
  EXPECT_EQ((RepoId{.type = RepoType::kSpace, .name = "o/n"}.key()), "space/o/n");
  EXPECT_EQ(api_segment(RepoType::kKernel), "kernels");
}

TEST(Types, ScopeIsRemoteAndEpoch) { EXPECT_EQ(hub_example().scope(), "r1/3"); }

// SECURITY 16
TEST(Types, OriginKeyChangesWithEveryTransportField) {
  const auto key = hub_example().origin_key();
  const auto changed = [](auto change) {
    auto other = hub_example();
    change(other);
    return other.origin_key();
  };
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.scheme = "http"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.host = "other.example"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.port = 444; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.proxy_url = "http://proxy:1"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.proxy_username = "u"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.proxy_password = "p"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.verify_tls = false; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.ca_cert = "c"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.client_cert = "c"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.origin.client_key = "c"; }));
  EXPECT_NE(key, changed([](Endpoint& e) { e.base.path = "/mirror"; }));
}

TEST(Types, OriginKeyIsSharedByRemotesOfOneHub) {
  auto other = hub_example();
  other.remote = "r2";
  other.epoch = 9;
  other.token = "hf_x";
  EXPECT_EQ(hub_example().origin_key(), other.origin_key());
}

// SECURITY 13
TEST(Types, AbsenceNeedsTheCodeAndTheCommit) {
  FileAnswer answer;
  answer.status = 404;
  answer.error_code = "EntryNotFound";
  answer.commit = std::string(40, 'a');
  EXPECT_TRUE(answer.absent());
  for (auto* wrong : {"", "main"}) {
    auto other = answer;
    other.commit = wrong;
    EXPECT_FALSE(other.absent());
  }
  answer.error_code = "RevisionNotFound";
  EXPECT_FALSE(answer.absent());
}

}  // namespace
}  // namespace hubcache::hub
