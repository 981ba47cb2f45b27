#include "hubcache/access/caller.h"

#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "hubcache/base/base64.h"

namespace hubcache::access {
namespace {

using CredentialKind = hub::Credential::Kind;

hub::Credential credential(std::string_view authorization, const hub::Endpoint& endpoint = {}) {
  const http::Headers headers{{"Authorization", authorization}};
  return credential_for(endpoint, Caller::of(headers), "key");
}

TEST(CallerTest, WhoBringsNothingIsAnonymous) {
  const auto nobody = credential_for({}, Caller::of({}), "key");
  EXPECT_EQ(nobody.kind, CredentialKind::kAnonymous);
  EXPECT_TRUE(nobody.shared());
}

TEST(CallerTest, AHubTokenIsKnownByItsKeyedHash) {
  const auto caller = credential("Bearer hf_secret");
  EXPECT_EQ(caller.kind, CredentialKind::kCaller);
  EXPECT_EQ(caller.token, "hf_secret");
  EXPECT_EQ(caller.key.find("secret"), std::string::npos);
  EXPECT_FALSE(caller.shared());
  EXPECT_EQ(credential("bearer  hf_secret").key, caller.key);
  EXPECT_NE(credential("Bearer hf_other").key, caller.key);
}

TEST(CallerTest, SecurityRule6GitsPasswordIsATokenIfItIsOneOfTheHubs) {
  const auto by_git = [](std::string_view pair) {
    const http::Headers headers{{"Authorization", "Basic " + base64_encode(pair)}};
    EXPECT_EQ(Caller::of(headers).kind, Caller::Kind::kBasic);
    return Caller::of_git(headers);
  };
  const auto caller = by_git("somebody:hf_secret");
  EXPECT_EQ(caller.kind, Caller::Kind::kHubToken);
  EXPECT_EQ(caller.token, "hf_secret");
  for (const auto* other : {"somebody:password", "hf_name:password", "somebody:hc_own",
                            "somebody:", "hf_secret", "somebody:hf_a,b", "somebody:hf_a b"}) {
    EXPECT_EQ(by_git(other).kind, Caller::Kind::kBasic) << other;
    EXPECT_EQ(by_git(other).token, "") << other;
  }
  const http::Headers bearer{{"Authorization", "Bearer hf_secret"}};
  EXPECT_EQ(Caller::of_git(bearer).token, "hf_secret");
}

TEST(CallerTest, TheRemotesTokenGoesBeforeTheCallers) {
  hub::Endpoint endpoint;
  endpoint.token = "hf_remote";
  const auto shared = credential("Bearer hf_secret", endpoint);
  EXPECT_EQ(shared.kind, CredentialKind::kRemote);
  EXPECT_EQ(shared.token, "");
  EXPECT_EQ(shared.key, "remote");
}

TEST(CallerTest, AnyCredentialOfTheRemoteIsItsRight) {
  for (const auto& set : std::vector<std::function<void(hub::Endpoint&)>>{
           [](auto& endpoint) { endpoint.username = "somebody"; },
           [](auto& endpoint) { endpoint.headers = {{"X-Gate", "open"}}; },
           [](auto& endpoint) { endpoint.origin.client_cert = "PEM"; }}) {
    hub::Endpoint endpoint;
    set(endpoint);
    EXPECT_EQ(credential("Bearer hf_secret", endpoint).kind, CredentialKind::kRemote);
  }
}

TEST(CallerTest, SecurityRule6OurOwnCredentialsAreNeverForwarded) {
  for (const auto* const own :
       {"Bearer hc_token", "Bearer  hc_token", "Bearer \thc_token", "Bearer\thc_token",
        "bearer hc_", "Basic YWRtaW46cGFzc3dvcmQ=", "Bearer hf_x, Bearer hc_token",
        "Bearer hf_x hc_token", "Bearer ", "Bearer", "Digest hc_token"}) {
    const auto sent = credential(own);
    EXPECT_EQ(sent.kind, CredentialKind::kAnonymous) << own;
    EXPECT_EQ(sent.token, "") << own;
  }
}

}  // namespace
}  // namespace hubcache::access
