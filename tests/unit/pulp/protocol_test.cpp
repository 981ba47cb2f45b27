#include <algorithm>
#include <cctype>
#include <map>
#include <span>
#include <string>

#include "hubcache/base/base64.h"
#include "hubcache/base/digest.h"

#include "fixture.h"

namespace hubcache::pulp {
namespace {

constexpr const char* kNoCredentials =
    R"({"detail":"Authentication credentials were not provided."})";

TEST_F(PulpTest, WithoutCredentialsThereIs401AndAChallenge) {
  const auto answer = send("GET", kRemotes);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.text, kNoCredentials);
  EXPECT_EQ(answer.header("WWW-Authenticate"), "Basic realm=\"api\"");
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(send("GET", kRemotes, "", {{"X-Requested-With", "XMLHttpRequest"}})
                .header("WWW-Authenticate"),
            "xBasic realm=\"api\"");
  EXPECT_EQ(send("GET", kRemotes, "", {{"Authorization", "Bearer x"}}).text, kNoCredentials);
}

TEST_F(PulpTest, WrongCredentialsAre401) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"Basic YWRtaW46d3Jvbmc=", "Invalid username/password."},
      {"basic bm9ib2R5Ong=", "Invalid username/password."},
      {"Basic", "Invalid basic header. No credentials provided."},
      {"Basic YWRtaW4=", "Invalid basic header. Credentials not correctly base64 encoded."},
      {"Basic a b", "Invalid basic header. Credentials string should not contain spaces."}};
  for (const auto& [header, text] : cases) {
    const auto answer = send("GET", kRemotes, "", {{"Authorization", header}});
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.body["detail"], text);
  }
}

TEST_F(PulpTest, TheCheckOfWhoAsksComesBeforeEverythingAboutTheRequest) {
  EXPECT_EQ(send("PUT", kRemotes, "{}").status, 401);
  EXPECT_EQ(send("GET", kRemotes + "?foo=1").status, 401);
  EXPECT_EQ(send("GET", kRemotes + kZero + "/").status, 401);
}

/// The path with zeros for what it wants to be named.
std::string filled_in(std::string path) {
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>{"{id}", kZero}, {"{number}", "0"}}) {
    if (const auto at = path.find(name); at != std::string::npos)
      path.replace(at, name.size(), value);
  }
  return path;
}

TEST_F(PulpTest, SecurityRule11DownloadersSeeTheAnonymousViewsOnly) {
  runner.run(accounts->set_password("reader", "x", access::Role::kDownloader));
  const Fields reader{{"Authorization", "Basic cmVhZGVyOng="}};
  const auto document = send("GET", "/pulp/api/v3/docs/api.json?pk_path=1", "", reader);
  ASSERT_EQ(document.status, 200);
  std::size_t refused = 0;
  for (const auto& [path, operations] : document.body["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      auto verb = method;
      std::ranges::transform(verb, verb.begin(), [](unsigned char c) { return std::toupper(c); });
      const auto answer = send(verb, filled_in(path), "", reader);
      if (!operation.contains("security")) {
        EXPECT_EQ(answer.status, 200) << verb << path;
        continue;
      }
      ++refused;
      EXPECT_EQ(answer.status, 403) << verb << path;
      EXPECT_EQ(answer.text, R"({"detail":"You do not have permission to perform this action."})");
    }
  }
  EXPECT_GT(refused, 80U);
}

TEST_F(PulpTest, SecurityRule21UnsafeRequestsOfForeignPagesAreRefusedWhateverTheCredentials) {
  const std::string body = R"({"name":"x","url":"u"})";
  for (const Fields& fields :
       {Fields{{"Origin", "https://evil.example"}}, Fields{{"Origin", "null"}},
        Fields{{"Sec-Fetch-Site", "cross-site"}}, Fields{{"Sec-Fetch-Site", "same-site"}}}) {
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
      EXPECT_EQ(ask(method, kRemotes, body, fields).status, 403) << method;
      EXPECT_EQ(send(method, kRemotes, body, fields).status, 403) << method;
    }
  }
  EXPECT_EQ(ask("GET", kRemotes + "?name=x").body["count"], 0);
  EXPECT_EQ(ask("GET", kRemotes, "", {{"Origin", "https://evil.example"}}).status, 200);
  EXPECT_EQ(ask("POST", kRemotes, body,
                {{"Origin", "http://cache.example:8080"}, {"Sec-Fetch-Site", "same-origin"}})
                .status,
            201);
}

TEST_F(PulpTest, SecurityRule22TooManyFailedLoginsAre429WithATime) {
  const Fields wrong{{"Authorization", "Basic YWRtaW46d3Jvbmc="}};
  Answer last;
  for (int i = 0; i < 60 && last.status != 429; ++i) last = send("GET", kRemotes, "", wrong);
  EXPECT_EQ(last.status, 429);
  EXPECT_FALSE(last.header("Retry-After").empty());
  EXPECT_EQ(ask("GET", kRemotes).status, 429);
  // Where no login is needed, none is looked at.
  EXPECT_EQ(send("GET", "/pulp/api/v3/status/", "", wrong).status, 200);
}

TEST_F(PulpTest, SecurityRule23TheAuditLogNamesWhatChangedAndNoValues) {
  log.set_level(obs::Level::kInfo);
  testing::internal::CaptureStderr();
  const auto remote = make_remote("a", R"(,"hf_token":"hf_SECRETWORD")");
  ask("PATCH", remote, R"({"password":"SECRETWORD","policy":"streamed"})");
  ask("PATCH", remote, R"({"policy":"streamed"})");  // changes nothing
  ask("PATCH", remote, R"({"policy":"SECRETWORD"})");
  ask("POST", remote + "set_label/", R"({"key":"SECRETWORD","value":"SECRETWORD"})");
  ask("POST", kTasks + "purge/", R"({"finished_before":"2001-02-03T00:00:00Z"})");
  const std::string guards = "/pulp/api/v3/contentguards/core/header/";
  const std::string guard =
      ask("POST", guards, R"({"name":"g","header_name":"X","header_value":"SECRETWORD"})")
          .body["pulp_href"];
  ask("PATCH", guard, R"({"header_value":"SECRETWORD2"})");
  const std::string task = ask("DELETE", remote).body["task"];
  ask("DELETE", task);
  log.flush();
  const auto text = testing::internal::GetCapturedStderr();
  const auto prn = "object=prn:hugging_face.huggingfaceremote:" + id_of(remote);
  for (const auto& line :
       {"audit action=create " + prn + " fields=name,url,",
        "audit action=update " + prn +
            " fields=policy,password account=admin "
            "address=127.0.0.1 ",
        "audit action=update " + prn + " fields=pulp_labels ",
        std::string("audit action=tasks_purge object=\"\" fields=finished_before "),
        "audit action=create object=prn:core.headercontentguard:" + id_of(guard) +
            " fields=name,header_name,header_value account=admin ",
        "audit action=update object=prn:core.headercontentguard:" + id_of(guard) +
            " fields=header_value account=admin ",
        "audit action=DELETE object=" + task + " ", "audit action=delete " + prn}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  std::size_t lines = 0;
  for (auto at = text.find(" audit "); at != std::string::npos; at = text.find(" audit ", at + 1))
    ++lines;
  EXPECT_EQ(lines, 8U) << text;
  EXPECT_EQ(text.find("SECRETWORD"), std::string::npos) << text;
}

TEST_F(PulpTest, StatusLivezAndRootNeedNoLogin) {
  const Fields wrong{{"Authorization", "Basic YWRtaW46d3Jvbmc="}};
  const auto status = send("GET", "/pulp/api/v3/status/?any=thing", "", wrong);
  EXPECT_EQ(status.status, 200);
  EXPECT_EQ(status.body["database_connection"]["connected"], true);
  EXPECT_EQ(status.body["versions"][1]["component"], "hugging_face");
  EXPECT_FALSE(status.body["online_workers"].empty());
  EXPECT_TRUE(status.body["storage"]["total"].is_number_unsigned() ||
              status.body["storage"]["total"].is_number_integer());
  const auto live = send("GET", "/pulp/api/v3/livez/");
  EXPECT_EQ(live.status, 200);
  EXPECT_EQ(live.text, "");
  EXPECT_EQ(send("GET", "/pulp/api/v3/").body["remotes/hugging_face/hugging-face"],
            "http://cache.example:8080" + kRemotes);
  EXPECT_EQ(send("POST", "/pulp/api/v3/status/", "{}").header("Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(PulpTest, OtherMethodsAre405AndSayWhatIsAllowed) {
  const auto list = ask("PUT", kRemotes, "{}");
  EXPECT_EQ(list.status, 405);
  EXPECT_EQ(list.text, R"({"detail":"Method \"PUT\" not allowed."})");
  EXPECT_EQ(list.header("Allow"), "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(ask("POST", kRemotes + kZero + "/", "{}").header("Allow"),
            "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
  EXPECT_EQ(ask("PUT", kTasks + kZero + "/", "{}").header("Allow"),
            "GET, PATCH, DELETE, HEAD, OPTIONS");
}

TEST_F(PulpTest, OptionsAreForbiddenWherePulpForbidsThem) {
  const std::string root = "/pulp/api/v3/";
  for (const std::string path : {"remotes/", "content/", "tasks/", "tasks/purge/", "task-groups/",
                                 "groups/", "artifacts/"}) {
    EXPECT_EQ(ask("OPTIONS", root + path).status, 403) << path;
  }
  for (const std::string kind : {"rbac", "header", "content_redirect", "composite"}) {
    const auto list = root + "contentguards/core/" + kind + "/";
    EXPECT_EQ(ask("OPTIONS", list).status, 403) << kind;
    EXPECT_EQ(ask("OPTIONS", list + kZero + "/").status, 403) << kind;
  }
  for (const std::string verb : {"add_role", "remove_role", "list_roles"}) {
    const auto path = root + "contentguards/core/rbac/" + kZero + "/" + verb + "/";
    EXPECT_EQ(ask("OPTIONS", path).status, 403) << verb;
  }
  EXPECT_EQ(ask("OPTIONS", kTasks + kZero + "/").status, 403);
  for (const std::string path : {"users/", "roles/", "repair/", "workers/"}) {
    EXPECT_EQ(ask("OPTIONS", root + path).status, 200) << path;
  }
  EXPECT_EQ(ask("PUT", root + "users/", "{}").header("Allow"), "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(ask("POST", root + "users/", "{}").status, 501);
  const auto worker = root + "workers/" + kZero + "/";
  EXPECT_EQ(ask("HEAD", worker).status, 405);
  EXPECT_EQ(ask("GET", worker).text, R"({"detail":"No AppStatus matches the given query."})");
}

TEST_F(PulpTest, ThePageOfTheDocumentListsEveryOperationAndRunsNothing) {
  const auto page = send("GET", "/pulp/api/v3/docs/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  const auto document = send("GET", "/pulp/api/v3/docs/api.json?pk_path=1").body;
  for (const auto& [path, item] : document["paths"].items()) {
    EXPECT_NE(page.text.find("<code>" + path + "</code>"), std::string::npos) << path;
    for (const auto& [method, operation] : item.items()) {
      const auto id = operation["operationId"].get<std::string>();
      EXPECT_NE(page.text.find("<td>" + id), std::string::npos) << id;
    }
  }
  const auto begin = page.text.find("<style>") + 7;
  const auto style = page.text.substr(begin, page.text.find("</style>") - begin);
  Hasher hasher(Digest::Algorithm::kSha256, style.size());
  hasher.update(std::as_bytes(std::span(style)));
  const auto digest = hasher.finish();
  std::string bytes;
  for (std::size_t i = 0; i < digest.hex().size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digest.hex().substr(i, 2), nullptr, 16));
  }
  EXPECT_EQ(page.header("Content-Security-Policy"),
            "default-src 'none'; style-src 'sha256-" + base64_encode(bytes) +
                "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  EXPECT_EQ(page.text.find("<script"), std::string::npos);
  EXPECT_EQ(send("POST", "/pulp/api/v3/docs/").status, 405);
}

/// "GET /pulp/api/v3/tasks/": what each operation of the document is called.
std::map<std::string, std::string> names_of(const Json& document) {
  std::map<std::string, std::string> names;
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      names[method + " " + path] = operation["operationId"].get<std::string>();
    }
  }
  return names;
}

TEST_F(PulpTest, TheDocumentOfAComponentHasItsPathsAndNoOthers) {
  const std::string url = "/pulp/api/v3/docs/api.json";
  const auto all = send("GET", url).body;
  const auto core = send("GET", url + "?component=core").body;
  const auto plugin = send("GET", url + "?component=hugging_face").body;
  auto both = names_of(core);
  for (const auto& [operation, name] : names_of(plugin)) {
    EXPECT_NE(operation.find("hugging_face"), std::string::npos) << operation;
    EXPECT_TRUE(both.emplace(operation, name).second) << operation;
  }
  EXPECT_EQ(both, names_of(all));
  for (const auto& [operation, name] : names_of(core)) {
    EXPECT_EQ(operation.find("hugging_face"), std::string::npos) << operation;
  }
  EXPECT_EQ(send("GET", url + "?component=hugging_face,core").text, send("GET", url).text);
  EXPECT_EQ(core["info"]["x-pulp-app-versions"].size(), 1U);
  EXPECT_EQ(plugin["info"]["x-pulp-app-versions"], all["info"]["x-pulp-app-versions"]);
  EXPECT_TRUE(plugin["components"]["schemas"].contains("hugging_face.HuggingFaceRemote"));
  EXPECT_FALSE(plugin["components"]["schemas"].contains("TaskResponse"));
  EXPECT_FALSE(core["components"]["schemas"].contains("hugging_face.HuggingFaceRemote"));
}

TEST_F(PulpTest, AComponentThatIsUnknownOrNamedTwiceIsRefused) {
  for (const std::string value : {"nope", "core,nope", "core,core", "", "core,"}) {
    const auto answer = send("GET", "/pulp/api/v3/docs/api.json?component=" + value);
    EXPECT_EQ(answer.status, 400) << value;
    EXPECT_EQ(answer.body["detail"], "Invalid component specified.") << value;
    EXPECT_EQ(answer.header("Content-Type"), "application/vnd.oai.openapi+json");
  }
  EXPECT_EQ(send("GET", "/pulp/api/v3/docs/api.json?plugin=core").status, 400);
}

// All of them, against Pulp's own bindings: tests/e2e/test_bindings.py.
TEST_F(PulpTest, TheDocumentForBindingsNamesOperationsByWhatTheyDo) {
  const auto whole = names_of(send("GET", "/pulp/api/v3/docs/api.json").body);
  const auto names = names_of(send("GET", "/pulp/api/v3/docs/api.json?bindings").body);
  ASSERT_EQ(names.size(), whole.size());
  EXPECT_EQ(names.at("get " + kRemotes), "list");
  EXPECT_EQ(names.at("patch {hugging_face_hugging_face_remote_href}"), "partial_update");
  EXPECT_EQ(names.at("post {r_b_a_c_content_guard_href}add_role/"), "add_role");
  EXPECT_EQ(names.at("post " + kTasks + "purge/"), "purge");
  EXPECT_EQ(names.at("patch {task_href}"), "tasks_cancel");
  EXPECT_EQ(names.at("get /pulp/api/v3/status/"), "status_read");
  EXPECT_EQ(names_of(send("GET", "/pulp/api/v3/docs/api.json?bindings&pk_path=1").body)
                .at("get " + kRemotes + "{id}/"),
            "read");
}

TEST_F(PulpTest, WhatIsNotThereIs404InJson) {
  EXPECT_EQ(ask("GET", kRemotes + "abc/").text, R"({"detail":"Not found."})");
  EXPECT_EQ(ask("GET", kRemotes + "00000000000000000000000000000000/").text,
            R"({"detail":"No HuggingFaceRemote matches the given query."})");
  EXPECT_EQ(ask("GET", kRemotes + kZero + "/extra/").status, 404);
  EXPECT_EQ(ask("GET", "/pulp/api/v3/nope/").header("Content-Type"), "application/json");
  EXPECT_EQ(send("GET", "/pulp/").status, 404);
}

TEST_F(PulpTest, AMissingSlashIsARedirect) {
  const auto answer = send("GET", "/pulp/api/v3/remotes/hugging_face/hugging-face?name=x");
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.header("Location"), kRemotes + "?name=x");
}

TEST_F(PulpTest, JsonIsTheOnlyRendering) {
  EXPECT_EQ(ask("GET", kRemotes, "", {{"Accept", "application/xml"}}).status, 406);
  EXPECT_EQ(ask("GET", kRemotes, "", {{"Accept", "text/plain, application/json;q=0.5"}}).status,
            200);
  EXPECT_EQ(ask("GET", kRemotes + "?format=json").status, 200);
  EXPECT_EQ(ask("GET", kRemotes + "?format=xml").status, 404);
}

TEST_F(PulpTest, ACorrelationIdIsEchoedWhenItIsAUuid) {
  const auto echo = [&](const std::string& id) {
    return ask("GET", kRemotes, "", {{"Correlation-ID", id}}).header("Correlation-ID");
  };
  EXPECT_EQ(echo("0123456789ABCDEF0123456789ABCDEF"), "0123456789ABCDEF0123456789ABCDEF");
  EXPECT_EQ(echo("01234567-89ab-cdef-0123-456789abcdef"), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_NE(echo("not-a-uuid"), "not-a-uuid");
  EXPECT_EQ(echo("not-a-uuid").size(), 32U);
}

TEST_F(PulpTest, AHeadHasTheHeadersOfItsGet) {
  const auto get = ask("GET", kRemotes);
  const auto head = ask("HEAD", kRemotes);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.text, "");
  EXPECT_EQ(head.header("Content-Length"), std::to_string(get.text.size()));
  EXPECT_EQ(head.header("Content-Type"), "application/json");
}

TEST_F(PulpTest, ATaskIsFinalSoACancelIs409WithIt) {
  const auto remote = make_remote("a");
  const auto task =
      ask("PATCH", remote, R"({"policy":"streamed"})").body["task"].get<std::string>();
  const auto cancel = ask("PATCH", task, R"({"state":"canceled"})");
  EXPECT_EQ(cancel.status, 409);
  EXPECT_EQ(cancel.body["pulp_href"], task);
  EXPECT_EQ(ask("PATCH", task, R"({"state":"running"})").text,
            R"({"state":["The only acceptable value for 'state' is 'canceled'."]})");
  EXPECT_EQ(ask("PATCH", task, "{}").text, R"({"state":["This field is required."]})");
  EXPECT_EQ(ask("DELETE", task).status, 204);
  EXPECT_EQ(ask("GET", task).text, R"({"detail":"No Task matches the given query."})");
  EXPECT_EQ(ask("DELETE", task).status, 404);
}

TEST_F(PulpTest, ATaskNamesWhoAskedAndWhatWasLocked) {
  const auto remote = make_remote("a");
  const auto changed = ask("PATCH", remote, R"({"policy":"streamed"})");
  const auto task = ask("GET", changed.body["task"]).body;
  EXPECT_EQ(task["created_by"], "/pulp/api/v3/users/1/");
  EXPECT_EQ(task["name"], "pulpcore.app.tasks.base.ageneral_update");
  EXPECT_EQ(task["reserved_resources_record"][0], changed.body["prn"]);
  EXPECT_EQ(task["logging_cid"], changed.header("Correlation-ID"));
  EXPECT_EQ(task["result"]["policy"], "streamed");
}

TEST_F(PulpTest, InternalErrorsKeepTheirReasonsToThemselves) {
  const Error inside(Error::Kind::kInternal, "secret reason", "more of it");
  const auto response = rest::Api::render(http::Request{}, inside);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(std::get<std::string>(response.body), R"({"detail":"Internal server error."})");
}

}  // namespace
}  // namespace hubcache::pulp
