#include <fstream>
#include <iterator>

#include "fixture.h"
#include "support/certificate.h"

namespace hubcache::pulp {
namespace {

TEST_F(PulpTest, ARemoteIsAnsweredWithAllItsFieldsInPulpsOrder) {
  const auto made = ask("POST", kRemotes, R"({"name":"a","url":"https://huggingface.co"})");
  std::vector<std::string> keys;
  for (const auto& [key, value] : made.body.items()) keys.push_back(key);
  const std::vector<std::string> expected{"pulp_href",
                                          "prn",
                                          "pulp_created",
                                          "pulp_last_updated",
                                          "name",
                                          "url",
                                          "pulp_labels",
                                          "policy",
                                          "hidden_fields",
                                          "ca_cert",
                                          "client_cert",
                                          "tls_validation",
                                          "proxy_url",
                                          "max_retries",
                                          "total_timeout",
                                          "connect_timeout",
                                          "sock_connect_timeout",
                                          "sock_read_timeout",
                                          "headers",
                                          "download_concurrency",
                                          "rate_limit",
                                          "hf_hub_url",
                                          "hf_token"};
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(made.body["policy"], "on_demand");
  EXPECT_EQ(made.body["tls_validation"], true);
  EXPECT_EQ(made.body["hf_hub_url"], "https://huggingface.co");
  EXPECT_EQ(made.body["hidden_fields"].dump(),
            R"([{"name":"client_key","is_set":false},{"name":"proxy_username","is_set":false},)"
            R"({"name":"proxy_password","is_set":false},{"name":"username","is_set":false},)"
            R"({"name":"password","is_set":false}])");
  EXPECT_EQ(made.body["prn"],
            "prn:hugging_face.huggingfaceremote:" + id_of(made.body["pulp_href"]));
  EXPECT_EQ(made.header("Content-Type"), "application/json");
}

TEST_F(PulpTest, AChangeIsInForceBeforeItsReply) {
  const auto remote = make_remote("a");
  const auto changed =
      ask("PATCH", remote, R"({"policy":"streamed","hf_hub_url":"http://localhost:9"})");
  EXPECT_EQ(changed.status, 202);
  EXPECT_EQ(snapshot()->remote(id_of(remote))->policy, registry::Policy::kStreamed);
  EXPECT_EQ(endpoint(remote)->base.authority(), "localhost:9");
}

TEST_F(PulpTest, AChangeThatChangesNothingIs200WithTheBareObject) {
  const auto remote = make_remote("a", R"(,"hf_token":"hf_x")");
  const auto again = ask("PATCH", remote, R"({"hf_token":"hf_x"})");
  EXPECT_EQ(again.status, 200);
  EXPECT_FALSE(again.body.contains("task"));
  EXPECT_EQ(ask("PATCH", remote, "{}").status, 200);
}

TEST_F(PulpTest, APutResetsOnlyFieldsWithADefault) {
  const auto remote = make_remote(
      "a", R"(,"hf_token":"hf_x","policy":"streamed","password":"p","tls_validation":false)");
  const auto put = ask("PUT", remote, R"({"name":"a","url":"https://huggingface.co"})");
  EXPECT_EQ(put.status, 202);
  EXPECT_EQ(put.body["policy"], "on_demand");
  EXPECT_EQ(put.body["tls_validation"], false);
  EXPECT_EQ(put.body["hf_token"], "hf_x");
  EXPECT_EQ(put.body["hidden_fields"][4]["is_set"], true);
  EXPECT_EQ(ask("PUT", remote, R"({"name":"a"})").text, R"({"url":["This field is required."]})");
}

// As at Pulp: only a PATCH is read together with what is stored.
TEST_F(PulpTest, ChecksAcrossFieldsOfAPutLookAtThePutAlone) {
  const std::string name = R"("name":"a","url":"https://huggingface.co")";
  const std::string credentials = R"("proxy_username":"u","proxy_password":"p")";
  const auto remote = make_remote("a", R"(,"proxy_url":"http://p:1",)" + credentials);
  const auto alone = ask("PUT", remote, "{" + name + "," + credentials + "}");
  EXPECT_EQ(alone.status, 400);
  EXPECT_EQ(alone.text,
            R"({"non_field_errors":["proxy credentials cannot be specified without a proxy"]})");
  EXPECT_EQ(
      ask("PUT", remote, "{" + name + R"(,"proxy_url":"http://q:1","proxy_username":"u"})").text,
      R"({"non_field_errors":["proxy username and password can only be specified together"]})");
  EXPECT_EQ(ask("PATCH", remote, R"({"proxy_url":null})").status, 400);
  EXPECT_EQ(ask("PATCH", remote, R"({"proxy_username":"v"})").status, 202);
  EXPECT_EQ(ask("PUT", remote, "{" + name + R"(,"proxy_url":null})").status, 202);
}

TEST_F(PulpTest, ADeletedRemoteLeavesItsDistributionsWithoutOne) {
  const auto remote = make_remote("a");
  const auto distribution = make_distribution("d", R"(,"remote":")" + remote + "\"");
  const auto deleted = ask("DELETE", remote);
  EXPECT_EQ(deleted.status, 202);
  EXPECT_EQ(ask("GET", deleted.body["task"]).body["result"], nullptr);
  EXPECT_EQ(ask("GET", remote).text,
            R"({"detail":"No HuggingFaceRemote matches the given query."})");
  EXPECT_EQ(ask("GET", distribution).body["remote"], nullptr);
  EXPECT_EQ(snapshot()->match("d/x")->remote, nullptr);
}

struct Refusal {
  const char* body;
  const char* answer;
};

class RefusalTest : public PulpTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(RefusalTest, WrongInputIsRefusedInPulpsWords) {
  make_remote("taken");
  const auto answer = ask("POST", kRemotes, GetParam().body);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.text, GetParam().answer);
}

INSTANTIATE_TEST_SUITE_P(
    Remotes, RefusalTest,
    ::testing::Values(
        Refusal{"{}", R"({"name":["This field is required."],"url":["This field is required."]})"},
        Refusal{R"({"name":"taken","url":"u"})", R"({"name":["This field must be unique."]})"},
        Refusal{
            R"({"name":null,"url":""})",
            R"({"name":["This field may not be null."],"url":["This field may not be blank."]})"},
        Refusal{R"({"name":true,"url":"u"})", R"({"name":["Not a valid string."]})"},
        Refusal{R"({"name":"b","url":"u","policy":"lazy"})",
                R"({"policy":["\"lazy\" is not a valid choice."]})"},
        Refusal{R"({"name":"b","url":"u","hf_hub_url":"huggingface.co"})",
                R"({"hf_hub_url":["Enter a valid URL."]})"},
        Refusal{R"({"name":"b","url":"u","hf_hub_url":"file:///etc/passwd"})",
                R"({"hf_hub_url":["Enter a valid URL."]})"},
        Refusal{
            R"({"name":"b","url":"http://user:pass@host/x"})",
            R"({"url":["The remote url contains username or password. Please use remote username or password instead."]})"},
        Refusal{R"({"name":"b","url":"u","token":"x"})", R"({"token":["Unexpected field"]})"},
        Refusal{R"({"name":"b","url":"u","tls_validation":"null"})",
                R"({"tls_validation":["Must be a valid boolean."]})"},
        Refusal{R"({"name":"b","url":"u","max_retries":1.5})",
                R"({"max_retries":["A valid integer is required."]})"},
        Refusal{R"({"name":"b","url":"u","rate_limit":2147483648})",
                R"({"rate_limit":["Ensure this value is less than or equal to 2147483647."]})"},
        Refusal{R"({"name":"b","url":"u","download_concurrency":0})",
                R"({"download_concurrency":["Ensure this value is greater than or equal to 1."]})"},
        Refusal{R"({"name":"b","url":"u","total_timeout":-1})",
                R"({"total_timeout":["Ensure this value is greater than or equal to 0.0."]})"},
        Refusal{R"({"name":"b","url":"u","total_timeout":"inf"})",
                R"({"total_timeout":["A valid number is required."]})"},
        Refusal{R"({"name":"b","url":"u","headers":{}})",
                R"({"headers":["Expected a list of items but got type \"dict\"."]})"},
        Refusal{R"({"name":"b","url":"u","headers":[5]})",
                R"({"headers":{"0":["Expected a dictionary of items but got type \"int\"."]}})"},
        Refusal{
            R"({"name":"b","url":"u","proxy_username":"u"})",
            R"({"non_field_errors":["proxy credentials cannot be specified without a proxy"]})"},
        Refusal{
            R"({"name":"b","url":"u","proxy_url":"http://p:1","proxy_username":"u"})",
            R"({"non_field_errors":["proxy username and password can only be specified together"]})"},
        Refusal{R"({"name":"b","url":"u","proxy_url":"http://a@b"})",
                R"({"proxy_url":["proxy_url must not contain credentials"]})"},
        Refusal{R"({"name":"b","url":"u","ca_cert":"garbage"})",
                R"({"ca_cert":["No ca_cert specified in string garbage"]})"},
        Refusal{
            R"({"name":"b","url":"u","pulp_labels":{"@":"x"}})",
            R"({"pulp_labels":["Key '@' contains invalid characters. Only alphanumerics, underscores, spaces, hyphens, and dots are allowed."]})"},
        Refusal{R"({"name":"b","url":"u","hf_token":"\ud800"})",
                R"({"hf_token":["Surrogate characters are not allowed: U+D800."]})"},
        Refusal{R"({"name":"b","url":"u","policy":["x",{"a":null}]})",
                R"({"policy":["\"['x', {'a': None}]\" is not a valid choice."]})"},
        Refusal{R"({"name":"b","url":"u","headers":[null,{"A":null}]})",
                R"({"headers":{"0":["This field may not be null."],)"
                R"("1":{"A":["Not a valid header."]}}})"},
        Refusal{R"({"name":"b","url":"u","hf_hub_url":"\u0000"})",
                R"({"hf_hub_url":["Null characters are not allowed.","Enter a valid URL."]})"},
        Refusal{"[{}]",
                R"({"non_field_errors":["Invalid data. Expected a dictionary, but got list."]})"},
        Refusal{"null", R"({"non_field_errors":["No data provided"]})"}));

TEST_F(PulpTest, ATokenThatCouldForgeAHeaderIsRefused) {
  for (const char* token : {R"("a\nb")", R"("a b")", R"("a\u0000b")", R"("tök")"}) {
    const auto answer =
        ask("POST", kRemotes, R"({"name":"b","url":"u","hf_token":)" + std::string(token) + "}");
    EXPECT_EQ(answer.status, 400) << token;
    EXPECT_TRUE(answer.body.contains("hf_token"));
  }
  const auto header =
      ask("POST", kRemotes, R"({"name":"b","url":"u","headers":[{"A":"x\r\nB: y"}]})");
  EXPECT_EQ(header.status, 400);
}

TEST_F(PulpTest, AFormHasHtmlsIdeaOfAbsence) {
  const auto made = form("POST", kRemotes,
                         "name=f&url=https%3A%2F%2Fhuggingface.co&ca_cert=&pulp_labels.team=ml");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.body["tls_validation"], false);
  EXPECT_EQ(made.body["ca_cert"], nullptr);
  EXPECT_EQ(made.body["pulp_labels"]["team"], "ml");
  EXPECT_EQ(form("PATCH", made.body["pulp_href"], "pulp_labels=x&policy=").status, 200);
  EXPECT_EQ(form("PATCH", made.body["pulp_href"], "headers=x&headers=y").text,
            R"({"headers":{"0":["Expected a dictionary of items but got type \"str\"."],)"
            R"("1":["Expected a dictionary of items but got type \"str\"."]}})");
  EXPECT_EQ(form("PATCH", made.body["pulp_href"], "foo.bar=1&foo=&baz=2").text,
            R"({"foo":["Unexpected field"],"baz":["Unexpected field"]})");
  EXPECT_EQ(form("PATCH", made.body["pulp_href"], "foo.bar=1&foo.b.z=2").text,
            R"({"foo.bar":["Unexpected field"],"foo.b.z":["Unexpected field"]})");
  const auto patched = form("PATCH", made.body["pulp_href"], "policy=streamed");
  EXPECT_EQ(patched.status, 202);
  EXPECT_EQ(patched.body["tls_validation"], false);
}

TEST_F(PulpTest, LabelsAreSetAndUnsetOneByOne) {
  const auto remote = make_remote("a", R"(,"pulp_labels":{"keep":"1"})");
  EXPECT_EQ(ask("POST", remote + "set_label/", R"({"key":"a","value":"b"})").text,
            R"({"key":"a","value":"b"})");
  EXPECT_EQ(ask("POST", remote + "set_label/", R"({"key":"n","value":null})").status, 201);
  EXPECT_EQ(ask("GET", remote + "?fields=pulp_labels").text,
            R"({"pulp_labels":{"keep":"1","a":"b","n":null}})");
  EXPECT_EQ(ask("POST", remote + "unset_label/", R"({"key":"a"})").text,
            R"({"key":"a","value":"b"})");
  EXPECT_EQ(ask("POST", remote + "unset_label/", R"({"key":"a"})").text,
            R"({"key":["Label 'a' is not set on the object."]})");
  EXPECT_EQ(ask("POST", remote + "set_label/", R"({"key":"a"})").text,
            R"({"value":["This field is required."]})");
  for (const std::string verb : {"set_label/", "unset_label/"}) {
    EXPECT_EQ(ask("POST", remote + verb, "null").text,
              R"({"non_field_errors":["No data provided"]})");
  }
  EXPECT_EQ(ask("GET", remote + "set_label/").header("Allow"), "POST, OPTIONS");
}

TEST_F(PulpTest, SecurityRule16AChangeOfTransportOrCredentialsIsANewEpochAndNothingElseIs) {
  const auto remote = make_remote("a");
  auto epoch = endpoint(remote)->epoch;
  for (const char* change :
       {R"({"hf_token":"hf_x"})", R"({"hf_hub_url":"https://mirror.example"})",
        R"({"url":"https://other.example"})", R"({"tls_validation":false})",
        R"({"proxy_url":"http://p:1"})", R"({"username":"u"})", R"({"password":"p"})",
        R"({"proxy_username":"u","proxy_password":"p"})", R"({"proxy_username":"v"})",
        R"({"proxy_password":"q"})", R"({"client_key":"k"})", R"({"headers":[{"A":"b"}]})"}) {
    ASSERT_EQ(ask("PATCH", remote, change).status, 202) << change;
    EXPECT_GT(endpoint(remote)->epoch, epoch) << change;
    epoch = endpoint(remote)->epoch;
  }
  for (const char* field : {"ca_cert", "client_cert"}) {
    const Json change{{field, test::certificate_for("DNS:localhost").pem}};
    ASSERT_EQ(ask("PATCH", remote, change.dump()).status, 202) << field;
    EXPECT_GT(endpoint(remote)->epoch, epoch) << field;
    epoch = endpoint(remote)->epoch;
  }
  for (const char* change : {R"({"name":"b"})", R"({"policy":"streamed"})", R"({"max_retries":1})",
                             R"({"pulp_labels":{"a":"b"}})"}) {
    ASSERT_EQ(ask("PATCH", remote, change).status, 202) << change;
    EXPECT_EQ(endpoint(remote)->epoch, epoch) << change;
  }
}

TEST_F(PulpTest, SecurityRule16WithMaskedSecretsANewUrlMustComeWithTheSecrets) {
  options.rest.mask_secrets = true;
  make_api();
  const auto remote = make_remote("a", R"(,"hf_token":"hf_0123456789abcdefWXYZ")");
  EXPECT_EQ(ask("GET", remote).body["hf_token"], "hf_...WXYZ");
  for (const char* change :
       {R"({"url":"https://evil.example"})", R"({"tls_validation":false})",
        R"({"hf_hub_url":"https://evil.example"})", R"({"proxy_url":"http://evil.example:1"})"}) {
    EXPECT_EQ(ask("PATCH", remote, change).status, 400) << change;
  }
  const Json trusts{{"ca_cert", test::certificate_for("DNS:evil.example").pem}};
  EXPECT_EQ(ask("PATCH", remote, trusts.dump()).status, 400);
  EXPECT_EQ(ask("PATCH", remote, R"({"url":"https://new.example","hf_token":"hf_other"})").status,
            202);
  EXPECT_EQ(ask("PATCH", remote, R"({"policy":"streamed"})").status, 202);
}

TEST_F(PulpTest, SecurityRule16WithMaskedSecretsEachOfThemMustComeWithANewUrl) {
  options.rest.mask_secrets = true;
  make_api();
  const std::string move = R"({"url":"https://evil.example")";
  for (const std::string secret : {"username", "password", "client_key"}) {
    const auto remote = make_remote(secret, R"(,")" + secret + R"(":"s")");
    const auto refused = ask("PATCH", remote, move + "}");
    EXPECT_EQ(refused.status, 400) << secret;
    EXPECT_NE(refused.text.find("must come with its " + secret), std::string::npos) << refused.text;
    EXPECT_EQ(ask("PATCH", remote, move + R"(,")" + secret + R"(":"t"})").status, 202) << secret;
  }
  const auto remote = make_remote(
      "proxy", R"(,"proxy_url":"http://p:1","proxy_username":"u","proxy_password":"p")");
  for (const std::string with : {"", R"(,"proxy_username":"u")", R"(,"proxy_password":"p")"}) {
    EXPECT_EQ(ask("PATCH", remote, move + with + "}").status, 400) << with;
  }
  EXPECT_EQ(ask("PATCH", remote, move + R"(,"proxy_username":"u","proxy_password":"p"})").status,
            202);
}

TEST_F(PulpTest, WhatIsReadBackWithMaskedSecretsCanBeSentBack) {
  options.rest.mask_secrets = true;
  make_api();
  for (const std::string token : {"hf_0123456789abcdefWXYZ", "hf_short"}) {
    // Null headers are shown, but refused: so it is at Pulp.
    const auto remote = make_remote(token, R"(,"headers":[],"hf_token":")" + token + "\"");
    auto read = ask("GET", remote);
    for (const char* method : {"PUT", "PATCH"}) {
      const auto same = ask(method, remote, read.text);
      EXPECT_EQ(same.status, 200) << method << " " << same.text;
      EXPECT_EQ(endpoint(remote)->token, token) << method;
    }
    read.body["policy"] = "streamed";
    EXPECT_EQ(ask("PUT", remote, read.body.dump()).status, 202);
    EXPECT_EQ(endpoint(remote)->token, token);
    const auto mask = Json{{"hf_token", read.body["hf_token"]}};
    EXPECT_EQ(ask("PATCH", remote, mask.dump()).status, 200);
    EXPECT_EQ(endpoint(remote)->token, token);
    EXPECT_EQ(ask("PATCH", remote, R"({"hf_token":"hf_0123456789abcdef9876"})").status, 202);
    EXPECT_EQ(endpoint(remote)->token, "hf_0123456789abcdef9876");
  }
}

TEST_F(PulpTest, SecurityRule16TheMaskOfASecretDoesNotMoveIt) {
  options.rest.mask_secrets = true;
  make_api();
  const auto remote = make_remote("a", R"(,"headers":[],"hf_token":"hf_0123456789abcdefWXYZ")");
  auto read = ask("GET", remote);
  read.body["hf_hub_url"] = "https://evil.example";
  for (const char* method : {"PUT", "PATCH"}) {
    const auto refused = ask(method, remote, read.body.dump());
    EXPECT_EQ(refused.status, 400) << method;
    EXPECT_NE(refused.text.find("must come with its hf_token"), std::string::npos) << refused.text;
  }
}

TEST_F(PulpTest, WhatMayOnlyBeWrittenIsNeverShown) {
  const auto remote =
      make_remote("a", R"(,"username":"u-hush","password":"p-hush","client_key":"k-hush")");
  const auto changed = ask("PATCH", remote, R"({"password":"q-hush"})");
  ASSERT_EQ(changed.status, 202);
  const std::string fields = "?fields=username,password,client_key,hidden_fields";
  for (const auto& text :
       {changed.text, ask("GET", remote).text, ask("GET", remote + fields).text,
        ask("GET", kRemotes + fields).text, ask("GET", changed.body["task"]).text}) {
    EXPECT_EQ(text.find("hush"), std::string::npos) << text;
    EXPECT_NE(text.find("hidden_fields"), std::string::npos) << text;
  }
}

TEST_F(PulpTest, TheTaskOfAChangeFromBeforeSecretsWereMaskedMasksThemToo) {
  const auto remote = make_remote("a");
  const auto changed = ask("PATCH", remote, R"({"hf_token":"hf_0123456789abcdefWXYZ"})");
  const std::string task = changed.body["task"];
  EXPECT_EQ(ask("GET", task).body["result"]["hf_token"], "hf_0123456789abcdefWXYZ");
  options.rest.mask_secrets = true;
  make_api();
  EXPECT_EQ(ask("GET", task).body["result"]["hf_token"], "hf_...WXYZ");
}

TEST_F(PulpTest, ShortSecretsAreMaskedWhole) {
  options.rest.mask_secrets = true;
  make_api();
  const auto remote = make_remote("a", R"(,"hf_token":"hf_short")");
  EXPECT_EQ(ask("GET", remote).body["hf_token"], "hf_...");
  const auto task = ask("PATCH", remote, R"({"policy":"streamed"})").body["task"];
  EXPECT_EQ(ask("GET", task).body["result"]["hf_token"], "hf_...");
}

TEST_F(PulpTest, NoSecretIsReadableInTheDatabase) {
  const auto remote = make_remote(
      "a",
      R"(,"hf_token":"hf_SECRETWORD","password":"PASSSECRETWORD","headers":[{"A":"HEADSECRETWORD"}])");
  ask("PATCH", remote, R"({"policy":"streamed"})");  // with a task that has the object
  stop();
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(bytes.find("SECRETWORD"), std::string::npos) << entry.path();
  }
  start();
  EXPECT_EQ(ask("GET", remote).body["hf_token"], "hf_SECRETWORD");
  EXPECT_EQ(endpoint(remote)->password, "PASSSECRETWORD");
  EXPECT_EQ(endpoint(remote)->headers[0].second, "HEADSECRETWORD");
}

}  // namespace
}  // namespace hubcache::pulp
