// The SECURITY rules at the door that Xet clients use: their tokens and URLs open nothing by
// themselves, and nothing false is completed.
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "hubcache/db/secrets.h"

#include "integration/xet_fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

class XetSecurityTest : public XetTest {
 protected:
  std::string id_of(const std::string& repo) { return hub.xet_hash(repo, kBig); }
  std::string bytes_of(const std::string& repo) { return hub.bytes(repo, kBig); }
  void flip_a_byte() {
    hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 1000});
  }
  /// A repo of somebody's whose LFS file names the digest of the gated one.
  void add_thief() {
    hub.add_repo({.id = "evil/door"});
    hub.commit("evil/door", "main",
               {{.path = "stolen.bin",
                 .content = Content::generated(bytes_of(kGated).size(), 99),
                 .storage = Storage::kLfs,
                 .claimed_sha256 = hub.etag(kGated, kBig)}});
  }
  std::string made(const std::string& path, const Json& document) {
    const auto answer = rest("POST", path, document.dump());
    EXPECT_LT(answer.status, 300) << answer.body;
    return Json::parse(answer.body).value("pulp_href", "");
  }
};

TEST_F(XetSecurityTest, TheLastXorbWaitsForTheVerification) {
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 19 << 20});
  const auto xorbs = xorbs_of(reconstruct(token(), id_of("org/model")));
  ASSERT_EQ(xorbs.size(), 2U);
  EXPECT_EQ(unpack(get_xorb(xorbs[0])), bytes_of("org/model").substr(0, xorbs[0].unpacked));
  EXPECT_EQ(stored_blobs(), 0U);
  const auto last = fetch(port, xorbs[1].target, {{"Range", xorbs[1].range}}, "GET", {},
                          [this] { hub.release(); });
  EXPECT_EQ(unpack(last), bytes_of("org/model").substr(xorbs[0].unpacked));
}

TEST_F(XetSecurityTest, Rule12AFalseFileIsNotCompletedByXet) {
  const auto id = id_of("org/model");
  const auto it = token();
  const auto xorbs = xorbs_of(reconstruct(it, id));
  flip_a_byte();
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 19 << 20});
  EXPECT_TRUE(unpack(get_xorb(xorbs[0])).has_value());  // nobody knows yet
  const auto last = fetch(port, xorbs[1].target, {{"Range", xorbs[1].range}}, "GET", {},
                          [this] { hub.release(); });
  EXPECT_EQ(last.status, 206);
  EXPECT_FALSE(last.complete);
  EXPECT_TRUE(last.reset);
  EXPECT_EQ(stored_blobs(), 0U);

  hub.clear_faults();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
    EXPECT_EQ(get_xorb(xorbs[1]).status, 403);
    EXPECT_EQ(reconstruct(it, id).status, 401);
    restart();  // the memory of it is durable
  }
  clock.advance(1s);
  const auto fresh = token();
  EXPECT_EQ(read(fresh, id), bytes_of("org/model"));
  // What a client kept by the names of the false xorbs is not taken for these.
  const auto names = [](const std::vector<Xorb>& some) {
    return some[0].target.substr(0, some[0].target.find('?'));
  };
  EXPECT_NE(names(xorbs_of(reconstruct(fresh, id))), names(xorbs));
  EXPECT_EQ(get_xorb(xorbs[1]).status, 403);
}

TEST_F(XetSecurityTest, WhereThereIsNoRoomOnTheDiskXetIsNotOfferedNorToldOf) {
  const std::string file = "/org/model/resolve/main/model.safetensors";
  const std::string tree = "/api/models/org/model/tree/main?recursive=true";
  const Fields by_page{{"Accept", "application/vnd.xet-fileinfo+json, */*"}};
  const auto is_offered = [&] {
    const bool by_head = head(file).header("x-xet-hash") == id_of("org/model");
    EXPECT_EQ(get(file, {}, by_page).body != bytes_of("org/model"), by_head);
    return by_head;
  };
  const auto is_told_of = [&] {
    const auto answer = get(tree);
    EXPECT_EQ(answer.status, 200);
    return answer.body.find(id_of("org/model")) != std::string::npos;
  };
  disk.say_free(bytes_of("org/model").size());  // less than the file with its map takes
  EXPECT_FALSE(is_told_of());
  EXPECT_FALSE(is_offered());
  EXPECT_TRUE(get(file).body == bytes_of("org/model"));
  EXPECT_EQ(stored_blobs(), 0U);

  disk.say_free(FaultyDisk::kNever);
  EXPECT_TRUE(is_told_of());
  EXPECT_TRUE(is_offered());
  hub.clear_log();
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 1 << 20});
  auto reader = std::async(std::launch::async, [&] { return get(file); });
  while (hub.body_bytes(Host::kCdn) == 0) std::this_thread::yield();
  disk.say_free(0);
  EXPECT_TRUE(is_offered()) << "it is on its way";
  disk.say_free(FaultyDisk::kNever);
  hub.release();
  EXPECT_TRUE(reader.get().body == bytes_of("org/model"));
  wait_stored(1);
  disk.say_free(0);
  restart();
  EXPECT_TRUE(is_offered()) << "it is here";
  EXPECT_TRUE(read(token(), id_of("org/model")) == bytes_of("org/model"));
}

TEST_F(XetSecurityTest, WhileTheDiskFailsWhateverItSaysXetIsNotOffered) {
  const std::string file = "/org/model/resolve/main/model.safetensors";
  disk.room_for(0);
  EXPECT_EQ(head(file).header("x-xet-hash"), id_of("org/model")) << "nobody knows yet";
  EXPECT_TRUE(get(file).body == bytes_of("org/model"));
  EXPECT_EQ(head(file).header("x-xet-hash"), "");
  disk.room_for(FaultyDisk::kNever);
  clock.advance(1min);
  EXPECT_EQ(head(file).header("x-xet-hash"), id_of("org/model"));
}

TEST_F(XetSecurityTest, WhatCannotBeCheckedIsNotPassedThrough) {
  config.storage.max_size = {.bytes = 1 << 20};
  restart();
  const auto it = token();
  const auto xorbs = xorbs_of(reconstruct(it, id_of("org/model")));
  EXPECT_EQ(get_xorb(xorbs.at(0)).status, 404);
  const std::string file = "/org/model/resolve/main/model.safetensors";
  EXPECT_EQ(head(file).header("x-xet-hash"), "");
  EXPECT_EQ(get(file).body, bytes_of("org/model"));
  // Clients that go by the list of files would not ask by HEAD.
  const auto listed = Json::parse(get("/api/models/org/model/tree/main?recursive=true").body);
  for (const auto& entry : listed) EXPECT_FALSE(entry.contains("xetHash")) << entry;
  const auto asked = fetch(port, "/pulp/content/hf/api/models/org/model/paths-info/main",
                           {{"Content-Type", "application/x-www-form-urlencoded"}}, "POST",
                           "paths=model.safetensors");
  EXPECT_EQ(asked.status, 200);
  EXPECT_THAT(asked.body, testing::Not(testing::HasSubstr("xetHash")));
}

TEST_F(XetSecurityTest, TokensAreForOneDistributionOneRepoAndOneCommit) {
  const auto it = token();
  const auto id = id_of("org/model");
  const auto remote = made(kRemotes.data(), {{"name", "r"}, {"url", hub.url()}});
  made(kDistributions.data(), {{"name", "d"}, {"base_path", "d"}, {"remote", remote}});
  const Fields bearer{{"Authorization", "Bearer " + it}};
  EXPECT_EQ(fetch(port, "/pulp/content/d/_cas/v2/reconstructions/" + id, bearer).status, 404);
  EXPECT_EQ(reconstruct(it, hub.xet_hash("gpt2", kBig)).status, 404);
  hub.add_file("org/model", "later.bin", Content::generated(1 << 20, 9), Storage::kLfs);
  EXPECT_EQ(reconstruct(it, hub.xet_hash("org/model", "later.bin")).status, 404);
  EXPECT_EQ(reconstruct("", id).status, 401);
  EXPECT_EQ(reconstruct(it.substr(0, it.size() - 1) + "x", id).status, 401);
  EXPECT_EQ(reconstruct("hf_good", id).status, 401);
}

TEST_F(XetSecurityTest, AXorbsUrlIsForThatXorbAndOpensNothingElse) {
  const auto it = token();
  const auto id = id_of("org/model");
  const auto xorbs = xorbs_of(reconstruct(it, id));
  const auto query = xorbs[0].target.substr(xorbs[0].target.find("?t=") + 3);
  const auto other = xorbs[1].target.substr(0, xorbs[1].target.find('?'));
  EXPECT_EQ(fetch(port, other + "?t=" + query).status, 403);
  EXPECT_EQ(fetch(port, other).status, 403);
  EXPECT_EQ(fetch(port, other + "?t=" + it).status, 403);
  EXPECT_EQ(reconstruct(query, id).status, 401);
}

TEST_F(XetSecurityTest, TokensAndUrlsEndInTimeAndAreGoodAcrossRestarts) {
  const auto id = id_of("org/model");
  const auto it = token();
  const auto xorbs = xorbs_of(reconstruct(it, id));
  restart();
  EXPECT_EQ(read(it, id), bytes_of("org/model"));
  EXPECT_EQ(get_xorb(xorbs[0]).status, 206);
  clock.advance(15min);
  EXPECT_EQ(reconstruct(it, id).status, 401);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
}

TEST_F(XetSecurityTest, WhenTheKeyIsReplacedTokensAndUrlsFromBeforeAreGoodToTheirEnd) {
  const auto it = token(kGated, "hf_good");
  const auto id = id_of(kGated);
  const auto xorbs = xorbs_of(reconstruct(it, id));
  clock.advance(2min);
  stop();
  const auto file = data.path() / "secrets.key";
  db::SecretBox::add_key(file, clock.now());
  db::SecretBox::drop_old_keys(file, clock.now());
  start();
  EXPECT_TRUE(unpack(get_xorb(xorbs.at(0))) == bytes_of(kGated));
  EXPECT_TRUE(read(it, id) == bytes_of(kGated));
  clock.advance(3min);  // as long as the right lasts
  EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
  EXPECT_EQ(reconstruct(it, id).status, 401);
}

TEST_F(XetSecurityTest, ADownloadThatOutlivesItsTokenGoesOnWithAnother) {
  const auto id = id_of("org/model");
  const auto first = token();
  const auto before = xorbs_of(reconstruct(first, id));
  ASSERT_EQ(before.size(), 2U);
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 14 << 20});
  auto all = unpack(get_xorb(before[0]));
  ASSERT_TRUE(all);
  clock.advance(15min);
  EXPECT_EQ(get_xorb(before[1]).status, 403);  // so the client asks where it is now
  EXPECT_EQ(reconstruct(first, id).status, 401);
  const auto second = token();
  const auto after = xorbs_of(reconstruct(second, id));
  ASSERT_EQ(after.size(), 2U);
  const auto name_of = [](const Xorb& xorb) {
    return xorb.target.substr(0, xorb.target.find('?'));
  };
  EXPECT_EQ(name_of(after[1]), name_of(before[1]));
  hub.release();
  const auto rest = unpack(get_xorb(after[1]));
  ASSERT_TRUE(rest);
  EXPECT_TRUE(*all + *rest == bytes_of("org/model"));
  EXPECT_EQ(hub.body_bytes(Host::kCdn), bytes_of("org/model").size()) << "nothing came twice";
}

TEST_F(XetSecurityTest, ACallersOwnTokenWorksAcrossARestartOnAColdFile) {
  const auto it = token(kGated, "hf_good");
  const auto xorbs = xorbs_of(reconstruct(it, id_of(kGated)));
  restart();
  EXPECT_EQ(unpack(get_xorb(xorbs.at(0))), bytes_of(kGated));
  EXPECT_EQ(xorbs[0].target.find("hf_good"), std::string::npos);
}

TEST_F(XetSecurityTest, Rule2AReaderWithoutRightGetsNothingOfARunningFill) {
  const auto it = token(kGated, "hf_good");
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 2 << 20});
  const auto xorbs = xorbs_of(reconstruct(it, id_of(kGated)));
  const auto others_see_nothing = [&] {
    EXPECT_EQ(ask_token(kGated).status, 401);
    EXPECT_EQ(ask_token(kGated, {}, "hf_other").status, 403);
    EXPECT_EQ(reconstruct(token("org/model"), id_of(kGated)).status, 404);
    hub.release();
  };
  const auto whole =
      fetch(port, xorbs.at(0).target, {{"Range", xorbs[0].range}}, "GET", {}, others_see_nothing);
  EXPECT_EQ(unpack(whole), bytes_of(kGated));
}

TEST_F(XetSecurityTest, Rule2ARightThatIsTakenBackClosesWhatItOpened) {
  const auto it = token(kGated, "hf_good");
  const auto xorbs = xorbs_of(reconstruct(it, id_of(kGated)));
  ASSERT_EQ(unpack(get_xorb(xorbs.at(0))), bytes_of(kGated));
  hub.add_token("hf_good", {.user = "good"});
  // The Hub is heard by whatever route it refuses.
  clock.advance(1s);
  EXPECT_EQ(get("/api/models/org/gated/commits/main", "hf_good").status, 403);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
  EXPECT_EQ(reconstruct(it, id_of(kGated)).status, 403);
  EXPECT_EQ(ask_token(kGated, {}, "hf_good").status, 403);
}

TEST_F(XetSecurityTest, Rule2ARepoThatIsClosedIsSoByXetToo) {
  const auto it = token();
  const auto xorbs = xorbs_of(reconstruct(it, id_of("org/model")));
  ASSERT_EQ(read(it, id_of("org/model")), bytes_of("org/model"));
  const auto id = id_of("org/model");
  hub.set_visibility("org/model", {.is_private = true});
  clock.advance(2min);
  EXPECT_EQ(get("/org/model/resolve/main/config.json").status, 401);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 401);
  EXPECT_EQ(reconstruct(it, id).status, 401);
}

TEST_F(XetSecurityTest, Rule2ARepoThatIsGoneIsSoByXetToo) {
  struct Reader {
    std::string repo;
    std::string token;
    int status;  // as the Hub says it: to callers it does not know, as if it were private
  };
  for (const auto& [repo, caller, status] :
       {Reader{"org/model", "", 401}, Reader{kGated, "hf_good", 404}}) {
    SCOPED_TRACE(repo);
    const auto it = token(repo, caller);
    const auto id = id_of(repo);
    const auto xorbs = xorbs_of(reconstruct(it, id));
    ASSERT_EQ(read(it, id), bytes_of(repo));
    hub.remove_repo(repo);
    clock.advance(2min);
    for (const auto& answer : {get("/" + repo + "/resolve/main/config.json", caller),
                               get_xorb(xorbs.at(0)), reconstruct(it, id)}) {
      EXPECT_EQ(answer.status, status) << answer.body.substr(0, 80);
      EXPECT_EQ(answer.header("x-error-code"), "RepoNotFound");
    }
  }
}

TEST_F(XetSecurityTest, AGuardThatClosesClosesXetToo) {
  const auto guard = made("/pulp/api/v3/contentguards/core/header/",
                          {{"name", "g"}, {"header_name", "x-pass"}, {"header_value", "yes"}});
  const auto list = rest("GET", kDistributions).body;
  const std::string href = Json::parse(list).at("results").at(0).at("pulp_href");
  const auto it = token();
  const auto id = id_of("org/model");
  const auto xorbs = xorbs_of(reconstruct(it, id));
  ASSERT_LT(rest("PATCH", href, Json{{"content_guard", guard}}.dump()).status, 300);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
  EXPECT_EQ(reconstruct(it, id).status, 403);
  EXPECT_EQ(ask_token().status, 403);
  EXPECT_EQ(fetch(port, xorbs[0].target, {{"Range", xorbs[0].range}, {"x-pass", "eWVz"}}).status,
            206);
  ASSERT_LT(rest("DELETE", href).status, 300);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 404);
  EXPECT_EQ(reconstruct(it, id).status, 404);
}

TEST_F(XetSecurityTest, ADistributionThatLeadsElsewhereByNowHonoursNoTokenOfBefore) {
  const auto it = token();
  const auto id = id_of("org/model");
  const auto xorbs = xorbs_of(reconstruct(it, id));
  const auto list = rest("GET", kRemotes).body;
  const std::string href = Json::parse(list).at("results").at(0).at("pulp_href");
  ASSERT_EQ(rest("PATCH", href, R"({"hf_token":"hf_good"})").status, 202);
  EXPECT_EQ(reconstruct(it, id).status, 401);
  EXPECT_EQ(get_xorb(xorbs[0]).status, 403);
}

TEST_F(XetSecurityTest, Rule6TokensOfOursAreNeverForwarded) {
  const auto it = token();
  hub.clear_log();
  get("/api/whoami-v2", it);
  get("/org/gated/resolve/main/config.json", it);
  read(it, id_of("org/model"));
  EXPECT_GT(hub_requests(), 0U);
  for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(XetSecurityTest, Rule8ADigestThatIsOnlyNamedShowsNothingByXet) {
  ASSERT_EQ(read(token(kGated, "hf_good"), id_of(kGated)), bytes_of(kGated));
  wait_stored(1);
  add_thief();
  const auto id = head("/evil/door/resolve/main/stolen.bin").header("x-xet-hash");
  const auto got = read(token("evil/door"), id);
  EXPECT_EQ(got, "");
}

TEST_F(XetSecurityTest, Rule8ADigestOfAnotherRepoIsProvenBeforeItIsServed) {
  ASSERT_EQ(read(token(kGated, "hf_good"), id_of(kGated)), bytes_of(kGated));
  wait_stored(1);
  hub.add_repo({.id = "org/copy"});
  hub.add_file("org/copy", "copy.bin", bytes_of(kGated), Storage::kLfs);
  hub.clear_log();
  EXPECT_EQ(read(token("org/copy"), hub.xet_hash("org/copy", "copy.bin")), bytes_of(kGated));
  EXPECT_GT(hub.count(Host::kCdn), 0U);
  EXPECT_LT(hub.body_bytes(Host::kCdn), bytes_of(kGated).size());
}

TEST_F(XetSecurityTest, Rule10BeingCachedIsNotTold) {
  const auto id = id_of(kGated);
  const auto cold = told(ask_token(kGated, {}, "hf_other"));
  const auto cold_by_id = told(reconstruct(token("org/model"), id));
  // A xorb of the one by the right to one of the other; that it has a name stores nothing.
  const auto gated = xorbs_of(reconstruct(token(kGated, "hf_good"), id)).at(0).target;
  const auto open = xorbs_of(reconstruct(token(), id_of("org/model"))).at(0).target;
  const auto xorb = gated.substr(0, gated.find('?')) + open.substr(open.find('?'));
  const auto cold_xorb = told(fetch(port, xorb));
  EXPECT_EQ(cold_xorb.at("status"), "403");
  EXPECT_EQ(stored_blobs(), 0U);

  ASSERT_EQ(read(token(kGated, "hf_good"), id), bytes_of(kGated));
  wait_stored(1);
  clock.advance(2min);
  EXPECT_EQ(told(ask_token(kGated, {}, "hf_other")), cold);
  EXPECT_EQ(told(reconstruct(token("org/model"), id)), cold_by_id);
  EXPECT_EQ(told(fetch(port, xorb)), cold_xorb);
}

TEST_F(XetSecurityTest, Rule10WithoutRoomTheOfferDoesNotTellThatAnotherRepoHasTheDigest) {
  add_thief();
  ASSERT_EQ(read(token(kGated, "hf_good"), id_of(kGated)), bytes_of(kGated));
  wait_stored(1);
  EXPECT_NE(head("/evil/door/resolve/main/stolen.bin").header("x-xet-hash"), "");
  disk.say_free(0);
  EXPECT_EQ(head("/evil/door/resolve/main/stolen.bin").header("x-xet-hash"), "");
  const auto own = head("/org/gated/resolve/main/model.safetensors", "hf_good");
  EXPECT_EQ(own.header("x-xet-hash"), id_of(kGated));
}

TEST_F(XetSecurityTest, Rule21XetIsNotForPagesOfOtherSitesAndRunsNowhere) {
  const Fields page{{"Origin", "https://page.example"}};
  const auto it = token(kGated, "hf_good");
  const auto xorb = xorbs_of(reconstruct(it, id_of(kGated))).at(0);
  const auto bytes = fetch(port, xorb.target, page);  // by no header, but by somebody's right
  EXPECT_EQ(bytes.header("access-control-allow-origin"), "");
  EXPECT_EQ(get("/_cas/v2/reconstructions/" + id_of(kGated), it, page)
                .header("access-control-allow-origin"),
            "");
  EXPECT_EQ(head("/org/model/resolve/main/model.safetensors", {}, page).header("x-xet-hash"), "");
  for (const auto& answer : {get_xorb(xorb), ask_token(), reconstruct(it, id_of(kGated))}) {
    EXPECT_LT(answer.status, 300);
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.header("content-security-policy"), "default-src 'none'; sandbox");
  }
}

}  // namespace
}  // namespace hubcache::test
