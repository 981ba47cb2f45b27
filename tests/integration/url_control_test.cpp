// Commands by URL: for administrators only, and what the control socket gives to them.
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/app/place.h"
#include "hubcache/app/server_at.h"
#include "hubcache/base/error.h"

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

const std::string kUrlControl = "/-/control";
const std::pair<std::string, std::string> kAdminLogin{"Authorization",
                                                      "Basic YWRtaW46cGFzc3dvcmQ="};

class UrlControlTest : public ServerTest {
 protected:
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }

  /// By URL, as who logs in so; throws as the command line gets it.
  Json give(const Json& command, const std::string& login = "admin:password") const {
    app::ServerAt server(url(), app::authorization_of(login), {});
    return server.give(command);
  }
  Error refusal(const Json& command, const std::string& login) const {
    try {
      give(command, login);
    } catch (const Error& error) {
      return error;
    }
    return {Error::Kind::kInternal, "nothing was refused"};
  }
  /// By the control socket.
  Json order(const Json& command) const { return app::order_command({.config = config}, command); }

  Answer post(const Json& command, const Fields& fields) const {
    return fetch(port, kUrlControl, fields, "POST", command.dump());
  }
  Json stored() const { return order({{"do", "blob.list"}}).at("blobs"); }
};

TEST_F(UrlControlTest, AnAdministratorIsAnsweredAsTheControlSocketAnswers) {
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  const auto blobs = give({{"do", "blob.list"}});
  EXPECT_EQ(blobs, order({{"do", "blob.list"}}));
  const std::string digest = blobs.at("blobs").at(0).at("digest");
  EXPECT_EQ(give({{"do", "blob.check"}, {"digest", digest}}), Json({{"is", "right"}}));
  give({{"do", "blob.pin"}, {"digest", digest}});
  EXPECT_EQ(stored().at(0).at("pinned"), true);
  EXPECT_EQ(give({{"do", "status"}}).at("running"), true);
  EXPECT_EQ(give({{"do", "blob.remove"}, {"digest", digest}}), Json({{"removed", true}}));
  EXPECT_EQ(stored_blobs(), 0U);
  // And refused as there, with what the command line makes of it.
  for (const Json& wrong : {Json{{"do", "nothing"}}, Json{{"do", "blob.pin"}, {"digest", "x"}},
                            Json{{"do", "user.passwd"}, {"name", "no"}, {"password", "word"}}}) {
    const auto refused = refusal(wrong, "admin:password");
    try {
      order(wrong);
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(refused.kind(), error.kind()) << wrong;
      EXPECT_STREQ(refused.what(), error.what()) << wrong;
    }
  }
}

TEST_F(UrlControlTest, AnAccessTokenOfAnAdministratorGivesCommandsUntilItIsRevoked) {
  const std::string token =
      give({{"do", "token.create"}, {"name", "ops"}, {"account", "admin"}}).at("token");
  EXPECT_EQ(give({{"do", "status"}}, token).at("running"), true);
  give({{"do", "token.revoke"}, {"name", "ops"}});
  EXPECT_EQ(refusal({{"do", "status"}}, token).kind(), Error::Kind::kUnauthorized);
}

TEST_F(UrlControlTest, Rule11WhoIsNoAdministratorGivesNoCommand) {
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  order({{"do", "user.add"}, {"name", "ci"}, {"password", "a pass"}, {"role", "downloader"}});
  const std::string token =
      order({{"do", "token.create"}, {"name", "ci-1"}, {"account", "ci"}}).at("token");
  const std::string digest = stored().at(0).at("digest");
  const Json remove{{"do", "blob.remove"}, {"digest", digest}};

  for (const Json& command : {remove, Json{{"do", "status"}}, Json{{"do", "no such"}}, Json()}) {
    for (const std::string login : {"", "admin:wrong", "nobody:password", "hc_0000"}) {
      const auto refused = refusal(command, login);
      EXPECT_EQ(refused.kind(), Error::Kind::kUnauthorized) << login;
      EXPECT_THAT(refused.what(), HasSubstr("HUBCACHE_LOGIN"));
    }
    for (const std::string& login : {std::string("ci:a pass"), token}) {
      const auto refused = refusal(command, login);
      EXPECT_EQ(refused.kind(), Error::Kind::kForbidden) << login;
      EXPECT_THAT(refused.what(), HasSubstr("administrators"));
    }
  }
  EXPECT_EQ(post(remove, {}).status, 401);
  EXPECT_EQ(post(remove, {{"Authorization", "Bearer " + token}}).status, 403);
  EXPECT_EQ(post(remove, {{"Authorization", "Bearer hf_good"}}).status, 401);
  EXPECT_EQ(stored_blobs(), 1U);
  // Not by reading either, whatever it would show.
  EXPECT_EQ(fetch(port, kUrlControl).status, 401);
  EXPECT_EQ(fetch(port, kUrlControl, {kAdminLogin}).status, 405);
  EXPECT_EQ(fetch(port, kUrlControl, {kAdminLogin}).header("allow"), "POST");
}

TEST_F(UrlControlTest, Rule20AHostNameThatIsNotKnownGivesNoCommand) {
  const std::string body = R"({"do": "status"})";
  const auto request = [&](const std::string& host) {
    return "POST /-/control HTTP/1.1\r\nHost: " + host + "\r\n" + kAdminLogin.first + ": " +
           kAdminLogin.second +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  };
  EXPECT_EQ(send_raw(port, request("rebound.example")).status, 421);
  EXPECT_EQ(send_raw(port, request("localhost")).status, 200);
}

TEST_F(UrlControlTest, Rule21APageOfAnotherSiteGivesNoCommandWhateverTheCredentials) {
  ASSERT_EQ(get(kBig).status, 200);
  wait_stored(1);
  const Json remove{{"do", "blob.remove"}, {"digest", stored().at(0).at("digest")}};
  config.allowed_origins = {"https://page.example"};  // of content, which this is not
  restart();
  using Field = std::pair<std::string, std::string>;
  for (const Field& from :
       {Field("Origin", "https://page.example"), Field("Origin", "null"),
        Field("Sec-Fetch-Site", "cross-site"), Field("Sec-Fetch-Site", "same-site")}) {
    for (const Fields& fields : {Fields{from, kAdminLogin}, Fields{from}}) {
      const auto answer = post(remove, fields);
      EXPECT_EQ(answer.status, 403) << from.second;
      EXPECT_EQ(answer.header("access-control-allow-origin"), "");
    }
  }
  const auto preflight = fetch(
      port, kUrlControl,
      {{"Origin", "https://page.example"}, {"Access-Control-Request-Method", "POST"}}, "OPTIONS");
  EXPECT_EQ(preflight.status, 401);
  EXPECT_EQ(preflight.header("access-control-allow-origin"), "");
  EXPECT_EQ(stored_blobs(), 1U);
  EXPECT_EQ(
      post(remove, {{"Origin", "http://127.0.0.1"}, {"Sec-Fetch-Site", "same-origin"}, kAdminLogin})
          .status,
      200);
  EXPECT_EQ(stored_blobs(), 0U);
}

TEST_F(UrlControlTest, Rule22FailedLoginsAreLimited) {
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(refusal({{"do", "status"}}, "admin:" + std::to_string(i)).kind(),
              Error::Kind::kUnauthorized);
  }
  EXPECT_EQ(refusal({{"do", "status"}}, "admin:40").kind(), Error::Kind::kTooManyRequests);
  EXPECT_EQ(post({{"do", "status"}}, {{"Authorization", "Basic YTpi"}}).status, 429);
}

TEST_F(UrlControlTest, ListenersForMetricsTakeNoCommand) {
  config.server.metrics_listen = {"127.0.0.1:0"};
  restart();
  EXPECT_EQ(fetch(metrics_port, kUrlControl, {kAdminLogin}, "POST", R"({"do": "status"})").status,
            404);
}

TEST_F(UrlControlTest, WhatDoesNotAnswerAndWhatIsNoHubcacheIsToldWithWhatToDo) {
  const auto told = [](const std::string& where) {
    app::ServerAt server(where, "Basic YWRtaW46cGFzc3dvcmQ=", {});
    try {
      server.give({{"do", "status"}});
    } catch (const Error& error) {
      return std::string(name_of(error.kind())) + ": " + error.what();
    }
    return std::string("answered");
  };
  EXPECT_THAT(told(hub.url()), HasSubstr("is no hubcache"));
  EXPECT_THAT(told("https://127.0.0.1:" + std::to_string(port)), HasSubstr("http://"));
  EXPECT_THAT(told(url() + "/"), testing::StrEq("answered"));
  EXPECT_THAT(told(url() + "/elsewhere"), HasSubstr("is no hubcache"));
  stop();
  const auto refused = told(url());
  EXPECT_THAT(refused, testing::StartsWith("unavailable: no answer from " + url()));
  EXPECT_THAT(refused, Not(HasSubstr("YWRtaW4")));
  start();
}

}  // namespace
}  // namespace hubcache::test
