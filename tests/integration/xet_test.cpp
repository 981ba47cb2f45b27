// Files by Xet (contract/xet.md): what clients are offered, and that they get the file.
#include <gmock/gmock.h>

#include "integration/xet_fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Host;
using hubsim::Storage;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kTestXorb = 100UL * 128 * 1024;
constexpr std::uint64_t kManyXorbs = 5'000'000'000;  // bytes
const std::string kEp = "http://127.0.0.1/pulp/content/hf";

TEST_F(XetTest, AHeadOffersXetByOurOwnRoutes) {
  const auto answer = head(test::kBig);
  const auto sha = hub.sha("org/model");
  EXPECT_EQ(answer.header("x-xet-hash"), id_of_big());
  EXPECT_EQ(answer.header("link"), "<" + kEp + "/api/models/org/model/xet-read-token/" + sha +
                                       ">; rel=\"xet-auth\", <" + kEp +
                                       "/_cas/v1/reconstructions/" + id_of_big() +
                                       ">; rel=\"xet-reconstruction-info\"");
  EXPECT_EQ(answer.header("x-linked-size"), std::to_string(big().size()));
  EXPECT_EQ(head("/org/model/resolve/main/config.json").header("x-xet-hash"), "");
  EXPECT_EQ(get(test::kBig, {}, {{"Range", "bytes=0-9"}}).body, big().substr(0, 10));
  // A second look is at the row that was kept.
  restart();
  EXPECT_EQ(head(test::kBig).header("x-xet-hash"), id_of_big());
}

TEST_F(XetTest, WhatTheHubDoesNotNameIsNamedByItsDigest) {
  auto behaviour = hub.behaviour();
  behaviour.xet = false;
  hub.set_behaviour(behaviour);
  const auto id = hub.etag("org/model", kBig);
  EXPECT_EQ(head(test::kBig).header("x-xet-hash"), id);
  EXPECT_EQ(read(token(), id), big());
}

TEST_F(XetTest, JavaScriptClientsAreToldOfXetInPlaceOfTheFile) {
  const auto answer =
      get(test::kBig, {},
          {{"Accept", "application/vnd.xet-fileinfo+json, */*"}, {"Range", "bytes=0-0"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/vnd.xet-fileinfo+json");
  EXPECT_EQ(answer.header("x-linked-size"), std::to_string(big().size()));
  EXPECT_EQ(answer.header("x-xet-hash"), id_of_big());
  EXPECT_EQ(answer.header("etag"), '"' + hub.etag("org/model", kBig) + '"');
  EXPECT_THAT(answer.header("link"), HasSubstr("xet-reconstruction-info"));
  EXPECT_EQ(Json::parse(answer.body).at("size"), big().size());
}

TEST_F(XetTest, DocumentsKeepWhatTheySayOfXet) {
  EXPECT_THAT(get("/api/models/org/model/tree/main?recursive=true").body, HasSubstr(id_of_big()));
}

TEST_F(XetTest, OffItIsAsIfThereWereNoXet) {
  config.xet = false;
  restart();
  const auto answer = head(test::kBig);
  EXPECT_EQ(answer.header("x-xet-hash"), "");
  EXPECT_EQ(answer.header("link"), "");
  EXPECT_EQ(get(test::kBig, {}, {{"Accept", "application/vnd.xet-fileinfo+json"}}).body, big());
  EXPECT_EQ(ask_token().status, 404);
  EXPECT_EQ(reconstruct("x", id_of_big()).status, 404);
  EXPECT_THAT(get("/api/models/org/model/tree/main").body, Not(HasSubstr("xetHash")));
}

TEST_F(XetTest, ATokenComesInHeadersAndInJson) {
  const auto answer = ask_token();
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto document = Json::parse(answer.body);
  EXPECT_EQ(document.at("accessToken"), answer.header("x-xet-access-token"));
  EXPECT_EQ(document.at("exp").dump(), answer.header("x-xet-token-expiration"));
  EXPECT_EQ(document.at("casUrl"), kEp + "/_cas");
  EXPECT_EQ(answer.header("x-xet-cas-url"), kEp + "/_cas");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(ask_token("org/model", "main").status, 200);
  const auto unknown = ask_token("org/model", "no-such-branch");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.header("x-error-code"), "RevisionNotFound");
  const auto of_root = fetch(port, "/api/models/org/model/xet-read-token/main");
  EXPECT_EQ(of_root.header("x-xet-cas-url"), "http://127.0.0.1/_cas");
}

TEST_F(XetTest, ATokenLastsAQuarterOfAnHourAndNoLongerThanTheRight) {
  const auto seconds_left = [&](const Answer& answer) {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch();
    return std::stoll(answer.header("x-xet-token-expiration")) - now.count();
  };
  EXPECT_NEAR(static_cast<double>(seconds_left(ask_token())), 900, 1);
  EXPECT_NEAR(static_cast<double>(seconds_left(ask_token("org/gated", {}, "hf_good"))), 300, 1);
  clock.advance(2min);
  EXPECT_NEAR(static_cast<double>(seconds_left(ask_token("org/gated", {}, "hf_good"))), 180, 1);
  hub.clear_log();
  clock.advance(2min);  // what is left of the right would be too short
  EXPECT_NEAR(static_cast<double>(seconds_left(ask_token("org/gated", {}, "hf_good"))), 300, 1);
  EXPECT_EQ(hub_requests("auth-check"), 1U);
}

TEST_F(XetTest, EveryGenerationOfRoutesGivesTheFileColdAndWarmAndWithTheHubGone) {
  const auto id = id_of_big();
  const auto it = token();
  EXPECT_EQ(read(it, id), big());  // cold, by a client that has seen no other route
  wait_stored(1);
  EXPECT_EQ(hub.count(Host::kCdn), 1U);
  hub.clear_log();
  for (const auto* route :
       {"v2/reconstructions/", "v1/reconstructions/", "reconstructions/", "reconstruction/"}) {
    EXPECT_EQ(read(it, id, {}, route), big()) << route;
  }
  EXPECT_EQ(hub_requests(), 0U);
  hub.stop();
  EXPECT_EQ(read(token(), id), big());
  hub.start();
}

TEST_F(XetTest, RangesAreClampedAndThoseBeyondTheEndRefused) {
  const auto id = id_of_big();
  const auto it = token();
  const auto size = big().size();
  const auto from_to = [](std::uint64_t from, std::uint64_t to) {
    return "bytes=" + std::to_string(from) + "-" + std::to_string(to);
  };
  EXPECT_EQ(read(it, id, "bytes=0-255999999"), big());
  EXPECT_EQ(reconstruct(it, id, "bytes=256000000-767999999").status, 416);
  EXPECT_EQ(reconstruct(it, id, from_to(size, size)).status, 416);
  EXPECT_EQ(read(it, id, from_to(size - 1, size + 5)), big().substr(size - 1));
  const auto slice = read(it, id, from_to(kTestXorb - 5, kTestXorb + 200'000));
  EXPECT_EQ(slice.substr(0, 200'006), big().substr(kTestXorb - 5, 200'006));
  EXPECT_LT(slice.size(), 5U * 128 * 1024);
  const auto xorb = xorbs_of(reconstruct(it, id)).front();
  const auto beyond = fetch(port, xorb.target, {{"Range", "bytes=99999999-"}});
  EXPECT_EQ(beyond.status, 416);
}

TEST_F(XetTest, ManyXorbsAreToldOfPieceByPieceAndFewAtOnce) {
  disk.say_free(2 * kManyXorbs);
  config.storage.max_size = {.bytes = 2 * kManyXorbs};
  restart();
  hub.commit("org/model", "main",
             {{.path = "vast.bin",
               .content = Content::sparse(kManyXorbs),
               .storage = Storage::kLfs,
               .claimed_sha256 = std::string(64, 'd')}});
  const auto id = hub.xet_hash("org/model", "vast.bin");
  const auto it = token();
  const auto expect_whole = [](const Answer& answer) {
    const auto xorbs = xorbs_of(answer);
    EXPECT_EQ(xorbs.size(), (kManyXorbs + kTestXorb - 1) / kTestXorb);
    std::uint64_t told = 0;
    for (const auto& xorb : xorbs) told += xorb.unpacked;
    EXPECT_EQ(told, kManyXorbs);
  };
  for (const auto* route : {"v2/reconstructions/", "v1/reconstructions/"}) {
    const auto all = reconstruct(it, id, {}, route);
    EXPECT_EQ(all.header("transfer-encoding"), "chunked");
    EXPECT_TRUE(all.complete);
    expect_whole(all);
    const auto some = reconstruct(it, id, "bytes=4900000000-4999999999", route);
    EXPECT_EQ(some.header("content-length"), std::to_string(some.body.size()));
    EXPECT_EQ(xorbs_of(some).size(), 9U);
  }
  const auto path = "/_cas/v2/reconstructions/" + id;
  const auto asked = head(path, it);
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(asked.header("content-length"), "");
  EXPECT_EQ(asked.body, "");
  const auto old = send_raw(port, "GET /pulp/content/hf" + path +
                                      " HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " +
                                      it + "\r\n\r\n");
  EXPECT_EQ(old.header("transfer-encoding"), "");
  EXPECT_FALSE(old.reset);
  expect_whole(old);
}

TEST_F(XetTest, RangesOfAXorbJoinTheFillThatRuns) {
  const auto it = token();
  const auto xorbs = xorbs_of(reconstruct(it, id_of_big(), "bytes=13107200-"));
  ASSERT_EQ(xorbs.size(), 1U);
  EXPECT_EQ(unpack(get_xorb(xorbs[0])), big().substr(kTestXorb));
  EXPECT_EQ(read(it, id_of_big()), big());
  wait_stored(1);
  EXPECT_EQ(hub.body_bytes(Host::kCdn), big().size());
}

TEST_F(XetTest, AClientWhoseTreeCameFromTheHubItselfIsServed) {
  hub.add_file("datasets/org/dataset", "more.bin", Content::generated(3 << 20, 8), Storage::kLfs);
  const auto id = hub.xet_hash("datasets/org/dataset", "more.bin");
  EXPECT_EQ(read(token("datasets/org/dataset"), id), hub.bytes("datasets/org/dataset", "more.bin"));
}

TEST_F(XetTest, ReportsOfClientsGoNowhere) {
  hub.clear_log();
  EXPECT_EQ(fetch(port, "/pulp/content/hf/_cas/v1/telemetry", {}, "POST", "{}").status, 200);
  EXPECT_EQ(hub_requests(), 0U);
  EXPECT_EQ(fetch(port, "/pulp/content/hf/_cas/v1/reconstructions", {}, "POST", "{}").status, 404);
}

TEST_F(XetTest, AStreamedRemoteOffersNone) {
  const auto list = rest("GET", kRemotes).body;
  const std::string href = Json::parse(list).at("results").at(0).at("pulp_href");
  const auto before = token();
  ASSERT_EQ(rest("PATCH", href, R"({"policy":"streamed"})").status, 202);
  EXPECT_EQ(head(test::kBig).header("x-xet-hash"), "");
  EXPECT_EQ(ask_token().status, 404);
  EXPECT_EQ(reconstruct(before, id_of_big()).status, 401);
}

}  // namespace
}  // namespace hubcache::test
