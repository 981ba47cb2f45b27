// SECURITY rule 15: what a hostile hub says is read up to a limit, and the server goes on.
#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

class SecurityUpstreamTest : public ServerTest {
 protected:
  void say(std::string match, std::map<std::string, std::string> headers) {
    hub.set_fault(
        {.kind = Fault::Kind::kHeader, .match = std::move(match), .headers = std::move(headers)});
  }
  void answer_with(std::string match, int status, std::map<std::string, std::string> headers,
                   std::string body) {
    hub.set_fault({.kind = Fault::Kind::kStatus,
                   .match = std::move(match),
                   .status = status,
                   .headers = std::move(headers),
                   .body = std::move(body)});
  }
  /// The document goes by as it is; nothing is learned from it of what the repo has.
  void expect_not_read(const std::string& document) {
    const std::string tree =
        "/api/models/org/model/tree/" + hub.sha("org/model") + "?recursive=true";
    for (const std::string part : {"/revision/", "/tree/"}) {
      answer_with(part, 200, {{"Content-Type", "application/json"}}, document);
    }
    for (const auto& target : {std::string(kInfo), tree}) {
      EXPECT_TRUE(get(target).body == document) << target;
    }
    EXPECT_EQ(head("/org/model/resolve/main/README.md").status, 200);
    EXPECT_EQ(head("/org/model/resolve/main/missing.json").status, 404);
    expect_the_truth();
  }
  /// Nothing of what was said is kept: the next one who asks has the truth.
  void expect_the_truth() {
    hub.clear_faults();
    clock.advance(2min);
    EXPECT_EQ(get(kConfig).body, hub.bytes("org/model", "config.json"));
    const auto info = get(kInfo);
    EXPECT_EQ(info.status, 200);
    EXPECT_EQ(nlohmann::json::parse(info.body).at("sha"), hub.sha("org/model"));
  }
};

TEST_F(SecurityUpstreamTest, Rule15AHeaderThatNeverEndsIsNotRead) {
  say("", {{"X-Long", std::string(70'000, 'x')}});
  for (const auto path : {kConfig, kInfo}) {
    for (const auto& answer : {get(path), head(path)}) {
      EXPECT_EQ(answer.status, 502) << path;
      EXPECT_EQ(answer.body.find("xxxx"), std::string::npos);
    }
  }
  expect_the_truth();
}

TEST_F(SecurityUpstreamTest, Rule15ADocumentNestedTooDeepIsNotRead) {
  expect_not_read(std::string(100'000, '['));
}

TEST_F(SecurityUpstreamTest, Rule15ADocumentOfTooManyValuesIsNotRead) {
  std::string many = "[0";
  for (int i = 0; i < 300'000; ++i) many += ",0";
  expect_not_read(many + "]");
}

TEST_F(SecurityUpstreamTest, Rule15PagesThatComeAgainEnd) {
  const auto commit = hub.sha("org/model");
  const auto tree = "/api/models/org/model/tree/" + commit + "?recursive=true";
  say("/tree/", {{"Link", "<" + hub.url() + tree + "&expand=false>; rel=\"next\""}});
  EXPECT_EQ(get(tree).status, 200);
  const auto missing = get("/org/model/resolve/" + commit + "/missing.json");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header("x-error-code"), "EntryNotFound");
  EXPECT_LE(hub_requests("/tree/"), 2U);
  expect_the_truth();
}

TEST_F(SecurityUpstreamTest, Rule15AWaitIsNotLongerThanAnHour) {
  ASSERT_EQ(get(kConfig).status, 200);
  answer_with("/api/", 429, {{"Retry-After", "99999999999"}, {"ratelimit", ""}}, "");
  const auto limited = get(kInfo);
  EXPECT_EQ(limited.status, 429);
  EXPECT_LE(std::stoi(limited.header("retry-after")), 3600);
  clock.advance(1h);
  expect_the_truth();
}

}  // namespace
}  // namespace hubcache::test
