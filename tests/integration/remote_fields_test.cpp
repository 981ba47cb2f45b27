// Every field of a remote, by what it does on the wire from the next request on.
#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "integration/fixture.h"
#include "support/relay.h"

namespace hubcache::test {
namespace {

using hubsim::Fault;
using hubsim::Host;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

constexpr std::string_view kOther = "/org/model/resolve/main/tokenizer.json";
constexpr std::string_view kLfs = "/gpt2/resolve/main/model.safetensors";
constexpr auto kAladdin = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";  // Aladdin:open sesame

class RemoteFieldsTest : public ServerTest {
 protected:
  /// The remote is as it was made, but for these fields.
  void change(const Json& fields) {
    if (href_.empty()) {
      href_ = Json::parse(rest("GET", kRemotes).body).at("results").at(0).at("pulp_href");
    }
    const auto answer = rest("PATCH", href_, fields.dump());
    ASSERT_EQ(answer.status, 202) << answer.body;
    hub.clear_log();
  }

  /// The values of a header in the requests that `host` saw.
  std::vector<std::string> seen(Host host, std::string_view header) const {
    std::vector<std::string> values;
    for (const auto& request : hub.log()) {
      if (request.host == host) values.emplace_back(request.header(header));
    }
    return values;
  }

  static std::string front_url(const Relay& front) {
    return "https://localhost:" + std::to_string(front.port());
  }

 private:
  std::string href_;
};

TEST_F(RemoteFieldsTest, HfHubUrlIsTheHubThatIsAsked) {
  hubsim::Hub second;
  second.seed();
  EXPECT_EQ(get(kConfig).status, 200);
  change({{"hf_hub_url", second.url()}});
  EXPECT_EQ(get(kConfig).status, 200);
  EXPECT_EQ(hub_requests(), 0U);
  EXPECT_GT(second.count(Host::kHub), 0U);
}

TEST_F(RemoteFieldsTest, HfTokenIsShownToTheHubAloneAndOpensWhatItMayRead) {
  constexpr std::string_view kPrivate = "/org/private/resolve/main/model.safetensors";
  EXPECT_EQ(get(kPrivate).status, 401);
  change({{"hf_token", "hf_good"}});
  EXPECT_EQ(get(kPrivate).status, 200);
  EXPECT_THAT(seen(Host::kHub, "authorization"), Contains("Bearer hf_good"));
  EXPECT_THAT(seen(Host::kCdn, "authorization"), Each(""));
  change({{"hf_token", nullptr}});
  EXPECT_EQ(get(kPrivate).status, 401);
}

TEST_F(RemoteFieldsTest, UsernameAndPasswordAreShownToTheHubAlone) {
  change({{"username", "Aladdin"}, {"password", "open sesame"}});
  get(kLfs);
  EXPECT_THAT(seen(Host::kHub, "authorization"), Contains(kAladdin));
  EXPECT_THAT(seen(Host::kCdn, "authorization"), Each(""));
}

TEST_F(RemoteFieldsTest, HeadersAreSentToTheHubAlone) {
  change({{"headers", {{{"X-Gate", "open"}}, {{"X-Team", "blue"}}}}});
  EXPECT_EQ(get(kLfs).status, 200);
  EXPECT_THAT(seen(Host::kHub, "x-gate"), Contains("open"));
  EXPECT_THAT(seen(Host::kHub, "x-team"), Contains("blue"));
  EXPECT_THAT(seen(Host::kCdn, "x-gate"), testing::AllOf(Not(IsEmpty()), Each("")));
}

TEST_F(RemoteFieldsTest, CaCertIsTrusted) {
  const auto certificate = certificate_for("DNS:localhost");
  const Relay front({.to = hub.port(), .tls = certificate});
  change({{"hf_hub_url", front_url(front)}});
  EXPECT_EQ(get(kConfig).status, 502);
  EXPECT_EQ(hub_requests(), 0U);
  clock.advance(std::chrono::minutes(1));
  change({{"ca_cert", certificate.pem}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 200);
  EXPECT_GT(hub_requests(), 0U);
}

TEST_F(RemoteFieldsTest, TlsValidationCanBeTurnedOff) {
  const Relay front({.to = hub.port(), .tls = certificate_for("DNS:other.example")});
  change({{"hf_hub_url", front_url(front)}});
  EXPECT_EQ(get(kConfig).status, 502);
  clock.advance(std::chrono::minutes(1));
  change({{"tls_validation", false}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 200);
}

TEST_F(RemoteFieldsTest, ClientCertAndKeyAreShownToTheHub) {
  const auto client = certificate_for("DNS:client", "the client");
  const Relay front(
      {.to = hub.port(), .tls = certificate_for("DNS:localhost"), .client_authority = client.pem});
  change({{"hf_hub_url", front_url(front)}, {"tls_validation", false}});
  EXPECT_EQ(get(kConfig).status, 502);
  clock.advance(std::chrono::minutes(1));
  change({{"client_cert", client.pem}, {"client_key", client.key}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 200);
  EXPECT_THAT(front.clients(), testing::AllOf(Not(IsEmpty()), Each("the client")));
}

TEST_F(RemoteFieldsTest, ProxyUrlLeadsToHubAndCdnWithItsCredentials) {
  const Relay proxy({.proxy = true});
  change({{"proxy_url", "http://127.0.0.1:" + std::to_string(proxy.port())},
          {"proxy_username", "Aladdin"},
          {"proxy_password", "open sesame"}});
  EXPECT_EQ(get(kLfs).body, hub.bytes("gpt2", "model.safetensors"));
  const auto heads = proxy.heads();
  EXPECT_THAT(heads, Each(HasSubstr(std::string("Proxy-Authorization: ") + kAladdin)));
  EXPECT_THAT(heads, Contains(HasSubstr(" " + hub.url() + "/")));
  EXPECT_THAT(heads, Contains(HasSubstr(" " + hub.cdn_url() + "/")));
  change({{"proxy_url", nullptr}, {"proxy_username", nullptr}, {"proxy_password", nullptr}});
  EXPECT_EQ(get(kOther).status, 200);
  EXPECT_EQ(proxy.heads().size(), heads.size());
  EXPECT_GT(hub_requests(), 0U);
}

TEST_F(RemoteFieldsTest, WithoutProxyUrlTheEnvironmentsProxyIsUsed) {
  const Relay proxy({.proxy = true});
  const auto variable =
      "http_proxy=http://Aladdin:open%20sesame@127.0.0.1:" + std::to_string(proxy.port());
  stop();
  config.upstream.proxies = http::Proxies({variable});
  start();
  EXPECT_EQ(get(kLfs).body, hub.bytes("gpt2", "model.safetensors"));
  EXPECT_THAT(proxy.heads(), Each(HasSubstr(std::string("Proxy-Authorization: ") + kAladdin)));
  EXPECT_THAT(proxy.heads(), Contains(HasSubstr(" " + hub.url() + "/")));
  EXPECT_THAT(proxy.heads(), Contains(HasSubstr(" " + hub.cdn_url() + "/")));
  const auto seen = proxy.heads().size();
  stop();
  config.upstream.proxies = http::Proxies({variable, "no_proxy=127.0.0.1"});
  start();
  EXPECT_EQ(get(kOther).status, 200);
  EXPECT_EQ(proxy.heads().size(), seen);
}

TEST_F(RemoteFieldsTest, AProxyMayBeSpokenToInTlsAndTunnelsToAHubInTls) {
  const auto certificate = certificate_for("DNS:localhost");
  const Relay front({.to = hub.port(), .tls = certificate});
  const Relay proxy({.proxy = true, .tls = certificate});
  change({{"hf_hub_url", front_url(front)},
          {"ca_cert", certificate.pem},
          {"proxy_url", "https://localhost:" + std::to_string(proxy.port())}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 200);
  EXPECT_THAT(proxy.heads(),
              testing::AllOf(Not(IsEmpty()), Each(StartsWith("CONNECT localhost:"))));
  EXPECT_GT(hub_requests(), 0U);
}

TEST_F(RemoteFieldsTest, MaxRetriesHoldForQuestionsToTheHub) {
  hub.set_fault({.kind = Fault::Kind::kStatus, .match = "/revision/", .status = 500});
  for (const std::size_t retries : {1U, 2U}) {
    change({{"max_retries", retries}});
    EXPECT_EQ(get("/api/models/org/model/revision/main").status, 502);
    EXPECT_EQ(hub_requests("/revision/"), retries + 1);
  }
}

TEST_F(RemoteFieldsTest, MaxRetriesHoldForDownloads) {
  hub.set_fault({.kind = Fault::Kind::kStatus, .host = Host::kCdn, .status = 500});
  for (const std::size_t retries : {1U, 2U}) {
    change({{"max_retries", retries}});
    EXPECT_EQ(get(kLfs).status, 502);
    EXPECT_EQ(hub.count(Host::kCdn), retries + 1);
  }
}

// With the usual ones, one try takes the whole time that there is.
class TimeoutTest : public RemoteFieldsTest, public testing::WithParamInterface<const char*> {};
class AnswerTimeoutTest : public TimeoutTest {};
class ConnectTimeoutTest : public TimeoutTest {};

TEST_P(AnswerTimeoutTest, EndsTheWaitForAnAnswer) {
  hub.set_fault(
      {.kind = Fault::Kind::kDelay, .match = "/revision/", .delay = std::chrono::minutes(10)});
  change({{GetParam(), 0.1}, {"max_retries", 2}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 504);
  EXPECT_EQ(hub_requests("/revision/"), 3U);
  hub.clear_faults();
}

INSTANTIATE_TEST_SUITE_P(Fields, AnswerTimeoutTest,
                         testing::Values("sock_read_timeout", "total_timeout"));

TEST_P(ConnectTimeoutTest, EndsTheWaitForAConnection) {
  const Relay mute({.silent = true});
  change({{"hf_hub_url", front_url(mute)}, {GetParam(), 0.1}, {"max_retries", 2}});
  EXPECT_EQ(get("/api/models/org/model/revision/main").status, 504);
  EXPECT_EQ(mute.connections(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Fields, ConnectTimeoutTest,
                         testing::Values("sock_connect_timeout", "connect_timeout"));

TEST_F(RemoteFieldsTest, SockReadTimeoutEndsTheWaitForBytes) {
  hub.set_fault({.kind = Fault::Kind::kStall, .host = Host::kCdn, .offset = 0});
  change({{"sock_read_timeout", 0.1}, {"max_retries", 1}});
  EXPECT_EQ(get(kLfs).status, 504);
  EXPECT_EQ(hub.count(Host::kCdn), 2U);
  hub.clear_faults();
}

TEST_F(RemoteFieldsTest, DownloadConcurrencyIsHowManyConnectionsAFileHas) {
  hub.add_repo({.id = "org/big"});
  constexpr std::uint64_t kSize = 100ULL << 20U;
  const auto name_of = [](std::size_t number) { return "w" + std::to_string(number) + ".bin"; };
  for (const std::uint64_t number : {1U, 3U}) {
    hub.add_file("org/big", name_of(number), hubsim::Content::generated(kSize, number),
                 hubsim::Storage::kLfs);
  }
  for (const std::size_t connections : {1U, 3U}) {
    change({{"download_concurrency", connections}});
    // The first request is for 4 MiB; the next ones cannot end before the release.
    hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 5U << 20U});
    const auto on_head = [&] {
      while (hub.count(Host::kCdn) < 1 + connections) std::this_thread::yield();
      EXPECT_EQ(hub.count(Host::kCdn), 1 + connections);
      hub.release();
    };
    const auto path = "/pulp/content/hf/org/big/resolve/main/" + name_of(connections);
    EXPECT_EQ(fetch(port, path, {}, "GET", {}, on_head).body.size(), kSize);
  }
}

TEST_F(RemoteFieldsTest, SecurityRule17TheLabelAllowedHostsOpensPrivateHostsBesideTheHub) {
  change({{"hf_hub_url", "http://localhost:" + std::to_string(hub.port())}});
  EXPECT_EQ(get(kConfig).status, 200);
  EXPECT_EQ(get(kLfs).status, 502);  // the CDN is at 127.0.0.1, which is not the hub's own host
  EXPECT_EQ(hub.count(Host::kCdn), 0U);
  change({{"pulp_labels", {{"hubcache.allowed_hosts", "files.example 127.0.0.1"}}}});
  EXPECT_EQ(get(kLfs).status, 200);
}

TEST_F(RemoteFieldsTest, PolicyStreamedKeepsNothing) {
  change({{"policy", "streamed"}});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(kLfs).status, 200);
  EXPECT_EQ(hub.count(Host::kCdn), 2U);
  EXPECT_EQ(stored_blobs(), 0U);
  change({{"policy", "on_demand"}});
  EXPECT_EQ(get(kLfs).status, 200);
  wait_stored(1);
  EXPECT_EQ(get(kLfs).status, 200);
  EXPECT_EQ(hub.count(Host::kCdn), 1U);
}

}  // namespace
}  // namespace hubcache::test
