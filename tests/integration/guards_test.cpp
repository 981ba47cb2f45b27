// Content guards hold at every door of a distribution: none of them answers before the guard does.
// What each kind asks for: tests/unit/access/guards_test.cpp.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/access/tokens.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/sha256.h"
#include "hubcache/db/connection.h"

#include "integration/xet_fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Storage;

constexpr std::uint64_t kGuardedSize = 2 << 20;
const std::string kGuarded = "org/guarded";
const std::string kGuardedFile = "big-Q8_0.gguf";
const std::string kPrefix = "/pulp/content/hf";
const std::string kSecret = "of the redirect guard";

class GuardDoorsTest : public XetTest {
 protected:
  GuardDoorsTest() {
    hub.add_repo({.id = kGuarded});
    hub.add_file(kGuarded, kGuardedFile, Content::generated(kGuardedSize, 9), Storage::kLfs);
    const std::string list = rest("GET", kDistributions).body;
    distribution_ = Json::parse(list).at("results").at(0).at("pulp_href");
    held_ = token(kGuarded);
    held_xorb_ = xorbs_of(reconstruct(held_, hub.xet_hash(kGuarded, kGuardedFile))).at(0);
  }

  std::string make_guard(const std::string& kind, Json fields) {
    fields["name"] = kind;
    const auto made = rest("POST", "/pulp/api/v3/contentguards/core/" + kind + "/", fields.dump());
    EXPECT_EQ(made.status, 201) << made.body;
    return Json::parse(made.body).at("pulp_href");
  }
  std::string make_header_guard() {
    return make_guard("header", {{"header_name", "x-pass"}, {"header_value", "yes"}});
  }
  void put_on(const std::string& guard) {
    ASSERT_EQ(rest("PATCH", distribution_, Json{{"content_guard", guard}}.dump()).status, 202);
    hub.clear_log();
  }

  /// In the database of the server, which is stopped meanwhile.
  template <typename Change>
  void change_database(Change change) {
    stop();
    {
      db::Connection sql(data.path() / "hubcache.db", db::Connection::Access::kReadWrite, 5'000);
      db::Transaction all(sql, db::Transaction::Kind::kImmediate);
      change(sql);
      all.commit();
    }
    start();
  }
  /// A token of a downloader of that name, which is made.
  std::string make_downloader(const std::string& name) {
    std::string made;
    change_database([&](db::Connection& sql) {
      sql.run(
          "INSERT INTO accounts (name, role, password, created, updated) "
          "VALUES (?1, 'downloader', 'x', 0, 0)",
          name);
      made = access::create_token(sql, name, name, clock.now(), std::nullopt);
    });
    return made;
  }

  struct Ask {
    std::string method;
    std::string path;  // below the distribution
    std::string body{};

    bool is_by_git() const {
      return path.find("/info/") != std::string::npos || path.ends_with("/git-upload-pack");
    }
  };
  std::vector<Ask> doors() {
    const auto digest = hub.etag(kGuarded, kGuardedFile);
    const Json batch{{"operation", "download"},
                     {"objects", {{{"oid", digest}, {"size", kGuardedSize}}}}};
    const auto lfs = "/" + kGuarded + ".git/info/lfs/objects/";
    return {
        {"GET", "/" + kGuarded + "/resolve/main/" + kGuardedFile},
        {"HEAD", "/" + kGuarded + "/resolve/main/" + kGuardedFile},
        {"GET", "/api/models/" + kGuarded},
        {"GET", "/api/models/" + kGuarded + "/tree/main"},
        {"GET", "/" + kGuarded + "/info/refs?service=git-upload-pack"},
        {"POST", "/" + kGuarded + "/git-upload-pack", "0014command=ls-refs\n00010009peel\n0000"},
        {"POST", lfs + "batch", batch.dump()},
        {"GET", lfs + digest + "/" + std::to_string(kGuardedSize)},
        {"GET", "/v2/" + kGuarded + "/manifests/latest"},
        {"GET", "/v2/" + kGuarded + "/blobs/sha256:" + digest}};
  }

  /// What a client has to send to pass.
  struct Pass {
    Fields fields = {};
    std::string secret = {};  // of a redirect guard, which signs URLs
  };
  static std::string signed_for(const std::string& target, const std::string& secret) {
    if (secret.empty()) return target;
    const auto question = target.find('?');
    auto query = question == std::string::npos ? "" : target.substr(question + 1) + "&";
    query += "expires=99999999999";
    const auto path = target.substr(0, question);
    const std::string salt = "salt";
    const auto made = sha256_of(std::string(salt).append(path + "?" + query).append(secret)).hex();
    return path + "?" + query + "&validate_token=" + to_hex(salt) + ":" + made;
  }
  Answer ask(const std::string& base, const Ask& what, const Pass& pass) {
    auto fields = pass.fields;
    fields.emplace_back("Git-Protocol", "version=2");
    if (what.body.starts_with('{')) fields.emplace_back("Content-Type", "application/json");
    return fetch(port, signed_for(base + what.path, pass.secret), fields, what.method, what.body);
  }
  Answer ask_xet_token(const Pass& pass) {
    const auto path = "/api/models/" + kGuarded + "/xet-read-token/" + hub.sha(kGuarded);
    return ask(kPrefix, {.method = "GET", .path = path}, pass);
  }
  /// With the token that is held, in place of credentials: it stands for those it was made with.
  std::vector<Answer> ask_cas(const std::string& held, const Xorb& xorb, const Pass& pass) {
    auto fields = pass.fields;
    std::erase_if(fields, [](const auto& field) { return field.first == "Authorization"; });
    auto by_token = fields;
    by_token.emplace_back("Authorization", "Bearer " + held);
    fields.emplace_back("Range", xorb.range);
    const auto path = kPrefix + "/_cas/v2/reconstructions/" + hub.xet_hash(kGuarded, kGuardedFile);
    return {fetch(port, signed_for(path, pass.secret), by_token), fetch(port, xorb.target, fields)};
  }

  /// Git is told that a password may help: it sends none before.
  static void expect_refusal(const Answer& answer, bool asks_for_password = false) {
    EXPECT_EQ(answer.status, asks_for_password ? 401 : 403) << answer.body.substr(0, 100);
    EXPECT_EQ(answer.header("www-authenticate").starts_with("Basic"), asks_for_password);
    EXPECT_EQ(answer.header("x-error-code"), "GatedRepo");
  }
  /// Everywhere, below the prefix and at the origin's root, and the Hub is asked nothing.
  void expect_closed(const Pass& pass) {
    const bool has_said_who = std::ranges::any_of(
        pass.fields, [](const auto& field) { return field.first == "Authorization"; });
    for (const std::string& base : {kPrefix, std::string()}) {
      for (const auto& door : doors()) {
        SCOPED_TRACE(door.method + " " + base + door.path);
        expect_refusal(ask(base, door, pass), door.is_by_git() && !has_said_who);
      }
    }
    expect_refusal(ask_xet_token(pass));
    for (const auto& answer : ask_cas(held_, held_xorb_, pass)) expect_refusal(answer);
    EXPECT_EQ(hub_requests(), 0U);
  }
  void expect_open(const Pass& pass) {
    for (const std::string& base : {kPrefix, std::string()}) {
      for (const auto& door : doors()) {
        const auto answer = ask(base, door, pass);
        EXPECT_EQ(answer.status, 200) << door.method << " " << base << door.path << answer.body;
      }
    }
    for (const auto& request : hub.log()) EXPECT_EQ(request.header("authorization"), "");
  }
  void expect_open_by_xet(const Pass& pass) {
    const auto made = ask_xet_token(pass);
    ASSERT_EQ(made.status, 200) << made.body;
    const auto own = made.header("x-xet-access-token");
    const auto reconstruction = ask_cas(own, held_xorb_, pass).at(0);
    ASSERT_EQ(reconstruction.status, 200) << reconstruction.body;
    const auto xorb = xorbs_of(reconstruction).at(0);
    EXPECT_EQ(ask_cas(own, xorb, pass).at(1).status, 206);
  }

 private:
  std::string distribution_;
  std::string held_;  // made before there was a guard
  Xorb held_xorb_;
};

const Fields kPassHeader{{"x-pass", "eWVz"}};  // "yes" in base64
const Fields kAdminLogin{{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}};

Fields bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

TEST_F(GuardDoorsTest, WithoutAGuardAllDoorsAreOpen) {
  expect_open({});
  expect_open_by_xet({});
}

TEST_F(GuardDoorsTest, AHeaderGuardHoldsAtEveryDoor) {
  put_on(make_header_guard());
  for (const auto& wrong : {Fields{}, Fields{{"x-pass", "bm8="}}, Fields{{"x-pass", "yes"}},
                            kAdminLogin, bearer("hf_good")}) {
    expect_closed({.fields = wrong});
  }
  expect_open({.fields = kPassHeader});
  expect_open_by_xet({.fields = kPassHeader});
  hub.clear_log();
  expect_closed({});  // now that all of it is stored
}

TEST_F(GuardDoorsTest, AnRbacGuardHoldsAtEveryDoor) {
  const auto member = make_downloader("member");
  const auto other = make_downloader("other");
  const auto guard = make_guard("rbac", Json::object());
  const Json role{{"role", "core.rbaccontentguard_downloader"}, {"users", {"member"}}};
  ASSERT_EQ(rest("POST", guard + "add_role/", role.dump()).status, 201);
  put_on(guard);
  for (const auto& wrong : {Fields{}, kPassHeader, bearer(other), bearer("hf_good")}) {
    expect_closed({.fields = wrong});
  }
  for (const auto& wrong :
       {bearer("hc_none"), Fields{{"Authorization", "Basic YWRtaW46d3Jvbmc="}}}) {
    expect_refusal(ask(kPrefix, doors().front(), {.fields = wrong}));
  }
  expect_open({.fields = bearer(member)});
  expect_open_by_xet({.fields = bearer(member)});
  expect_open({.fields = kAdminLogin});
  hub.clear_log();
  expect_closed({});
  ASSERT_EQ(rest("POST", guard + "remove_role/", role.dump()).status, 201);
  expect_closed({.fields = bearer(member)});
}

TEST_F(GuardDoorsTest, ACompositeGuardHoldsAtEveryDoorAndOpensByEachOfItsGuards) {
  const auto member = make_downloader("member");
  const auto rbac = make_guard("rbac", Json::object());
  const Json role{{"role", "core.rbaccontentguard_downloader"}, {"users", {"member"}}};
  ASSERT_EQ(rest("POST", rbac + "add_role/", role.dump()).status, 201);
  put_on(make_guard("composite", {{"guards", {make_header_guard(), rbac}}}));
  for (const auto& wrong : {Fields{}, bearer("hf_good")}) expect_closed({.fields = wrong});
  for (const auto& right : {kPassHeader, bearer(member)}) {
    expect_open({.fields = right});
    expect_open_by_xet({.fields = right});
  }
  hub.clear_log();
  expect_closed({});
}

// The URLs of Xet's blocks carry a token of their own and cannot be signed as well.
TEST_F(GuardDoorsTest, ARedirectGuardHoldsAtEveryDoor) {
  const auto guard = make_guard("content_redirect", Json::object());
  change_database([](db::Connection& sql) {
    sql.run("UPDATE resources SET doc = json_set(doc, '$.secret', ?1) WHERE kind = ?2", kSecret,
            std::string("contentguard.content_redirect"));
  });
  put_on(guard);
  expect_closed({});
  expect_closed({.fields = kPassHeader});
  expect_closed({.fields = kAdminLogin});
  expect_closed({.secret = "of another guard"});
  expect_open({.secret = kSecret});
}

}  // namespace
}  // namespace hubcache::test
