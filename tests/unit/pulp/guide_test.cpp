#include "fixture.h"

namespace hubcache::pulp {
namespace {

/// The user's guide, command by command, each with what its reader expects to see.
TEST_F(PulpTest, TheCommandsOfTheGuideDoWhatItSays) {
  const auto created = ask("POST", kRemotes, R"({
"name": "hf-private",
"url": "https://huggingface.co",
"policy": "on_demand",
"hf_token": "hf_YOUR_TOKEN_HERE"
})");
  ASSERT_EQ(created.status, 201) << created.text;
  const auto remote = created.body["pulp_href"].get<std::string>();
  EXPECT_EQ(created.header("Location"), remote);
  EXPECT_EQ(created.body["hf_token"], "hf_YOUR_TOKEN_HERE");

  // Updating the token shows the object.
  const auto patched = ask("PATCH", remote, R"({
"hf_token": "hf_NEW_TOKEN_HERE"
})");
  EXPECT_EQ(patched.status, 202);
  EXPECT_EQ(patched.body["pulp_href"], remote);
  EXPECT_EQ(patched.body["name"], "hf-private");
  EXPECT_EQ(patched.body["url"], "https://huggingface.co");
  EXPECT_EQ(patched.body["policy"], "on_demand");
  EXPECT_EQ(patched.body["hf_token"], "hf_NEW_TOKEN_HERE");
  EXPECT_EQ(ask("GET", patched.body["task"]).body["state"], "completed");
  EXPECT_EQ(endpoint(remote)->token, "hf_NEW_TOKEN_HERE");

  // A second access level: the private one has its name already, so it is made once.
  const auto open = ask("POST", kRemotes, R"({
"name": "hf-public",
"url": "https://huggingface.co",
"policy": "on_demand"
})");
  ASSERT_EQ(open.status, 201);
  EXPECT_EQ(open.body["hf_token"], nullptr);

  const auto public_dist =
      ask("POST", kDistributions,
          R"({"name": "hf-public-dist", "base_path": "hf-public", "remote": ")" +
              open.body["pulp_href"].get<std::string>() + "\"}");
  const auto private_dist =
      ask("POST", kDistributions,
          R"({"name": "hf-private-dist", "base_path": "hf-private", "remote": ")" + remote + "\"}");
  EXPECT_EQ(public_dist.status, 202);
  ASSERT_EQ(private_dist.status, 202);

  // jq '.results[] | {name, hf_token}'
  const auto remotes = ask("GET", kRemotes).body["results"];
  ASSERT_EQ(remotes.size(), 3U);  // with the one of the first start, newest first
  EXPECT_EQ(remotes[0]["name"], "hf-public");
  EXPECT_EQ(remotes[0]["hf_token"], nullptr);
  EXPECT_EQ(remotes[1]["name"], "hf-private");
  EXPECT_EQ(remotes[1]["hf_token"], "hf_NEW_TOKEN_HERE");
  // jq '.results[] | {name, remote}'
  const auto distributions = ask("GET", kDistributions).body["results"];
  ASSERT_EQ(distributions.size(), 3U);
  EXPECT_EQ(distributions[0]["name"], "hf-private-dist");
  EXPECT_EQ(distributions[0]["remote"], remote);

  // curl http://HOST/pulp/content/hf-private/your-org/private-model/resolve/main/config.json
  const auto now = snapshot();
  const auto match = now->match("hf-private/your-org/private-model/resolve/main/config.json");
  ASSERT_TRUE(match && match->remote);
  EXPECT_EQ(match->rest, "your-org/private-model/resolve/main/config.json");
  EXPECT_EQ(match->remote->endpoint->token, "hf_NEW_TOKEN_HERE");
}

}  // namespace
}  // namespace hubcache::pulp
