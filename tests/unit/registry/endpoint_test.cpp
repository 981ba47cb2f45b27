#include "hubcache/registry/endpoint.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hubcache::registry {
namespace {

using Json = nlohmann::ordered_json;

hub::EndpointPtr endpoint(Json document) { return make_endpoint("id", 7, document); }

TEST(EndpointTest, TheHubIsHfHubUrl) {
  const auto made =
      endpoint({{"url", "https://huggingface.co"}, {"hf_hub_url", "http://mirror:8080/up"}});
  EXPECT_EQ(made->base.text(), "http://mirror:8080/up");
  EXPECT_EQ(made->origin.host, "mirror");
  EXPECT_EQ(made->origin.port, 8080);
  EXPECT_EQ(made->epoch, 7U);
}

TEST(EndpointTest, UrlIsTheHubWhenHfHubUrlIsLeftAtItsDefaultAndUrlNamesAnotherHost) {
  const auto made =
      endpoint({{"url", "http://127.0.0.1:9"}, {"hf_hub_url", "https://huggingface.co"}});
  EXPECT_EQ(made->base.authority(), "127.0.0.1:9");
  const auto usual = endpoint(
      {{"url", "https://huggingface.co/some/path"}, {"hf_hub_url", "https://huggingface.co"}});
  EXPECT_EQ(usual->base.text(), "https://huggingface.co/");
}

TEST(EndpointTest, AUrlThatIsNoneLeavesTheDefaultHub) {
  EXPECT_EQ(endpoint({{"url", "not a url"}})->origin.host, "huggingface.co");
}

TEST(EndpointTest, SecurityRule17PrivateAddressesAreForTheHubsOwnHostAndTheAllowList) {
  for (const char* hub : {"http://127.0.0.1:1", "http://localhost", "http://[fd00::1]",
                          "http://hubcache-1:8080/pulp/content/hf", "https://hub.corp.example"}) {
    EXPECT_TRUE(endpoint({{"hf_hub_url", hub}})->origin.allow_private) << hub;
    EXPECT_TRUE(endpoint({{"hf_hub_url", hub}})->allowed_private_hosts.empty()) << hub;
  }
  const auto listed = endpoint({{"hf_hub_url", "http://hub"},
                                {"pulp_labels", {{"hubcache.allowed_hosts", " cdn  10.1.2.3 "}}}});
  EXPECT_EQ(listed->allowed_private_hosts, (std::vector<std::string>{"cdn", "10.1.2.3"}));
}

TEST(EndpointTest, TimeoutsAreSecondsAndNullOrZeroMeansTheUsualOne) {
  const auto usual = endpoint(Json::object());
  EXPECT_EQ(usual->timeouts.connect, std::chrono::seconds(5));
  EXPECT_EQ(usual->timeouts.first_byte, std::chrono::seconds(8));
  EXPECT_EQ(usual->timeouts.between_bytes, std::chrono::seconds(10));
  EXPECT_EQ(usual->timeouts.total, std::chrono::seconds(0));
  const auto set = endpoint({{"sock_connect_timeout", 0.5},
                             {"sock_read_timeout", 2.5},
                             {"total_timeout", 0.0},
                             {"connect_timeout", nullptr}});
  EXPECT_EQ(set->timeouts.connect, std::chrono::milliseconds(500));
  EXPECT_EQ(set->timeouts.first_byte, std::chrono::milliseconds(2500));
  EXPECT_EQ(set->timeouts.total, std::chrono::seconds(0));
}

TEST(EndpointTest, RetriesAndConcurrencyHaveDefaults) {
  EXPECT_EQ(endpoint({{"max_retries", nullptr}})->max_retries, 3);
  EXPECT_EQ(endpoint({{"max_retries", 5}, {"download_concurrency", 9}})->max_retries, 5);
  EXPECT_EQ(endpoint({{"download_concurrency", nullptr}})->download_concurrency, 0) << "no limit";
}

TEST(EndpointTest, IsOfflineByItsLabelOrWhereAllAre) {
  EXPECT_FALSE(endpoint({{"pulp_labels", Json::object()}})->offline);
  EXPECT_FALSE(endpoint({{"pulp_labels", {{"hubcache.offline", "no"}}}})->offline);
  EXPECT_TRUE(endpoint({{"pulp_labels", {{"hubcache.offline", "true"}}}})->offline);
  EXPECT_TRUE(make_endpoint("id", 7, Json::object(), true)->offline);
}

TEST(EndpointTest, EverythingThatShapesAConnectionIsInTheOrigin) {
  const auto made = endpoint({{"proxy_url", "http://proxy:3128"},
                              {"proxy_username", "u"},
                              {"proxy_password", "p"},
                              {"tls_validation", false},
                              {"ca_cert", "CA"},
                              {"client_cert", "CERT"},
                              {"client_key", "KEY"},
                              {"headers", Json::array({{{"X-A", "1"}}, {{"X-B", "2"}}})},
                              {"hf_token", "hf_secret"}});
  EXPECT_EQ(made->origin.proxy_url, "http://proxy:3128");
  EXPECT_EQ(made->origin.proxy_username, "u");
  EXPECT_EQ(made->origin.proxy_password, "p");
  EXPECT_FALSE(made->origin.verify_tls);
  EXPECT_EQ(made->origin.ca_cert, "CA");
  EXPECT_EQ(made->origin.client_cert, "CERT");
  EXPECT_EQ(made->origin.client_key, "KEY");
  EXPECT_EQ(made->headers.size(), 2U);
  EXPECT_EQ(made->token, "hf_secret");
}

}  // namespace
}  // namespace hubcache::registry
