#include "hubcache/http/public_name.h"

#include <gtest/gtest.h>

namespace hubcache::http {
namespace {

Request request_for(std::string host, std::string peer = "10.0.0.9") {
  Request request;
  request.headers.set("Host", std::move(host));
  request.peer.address = std::move(peer);
  return request;
}

TEST(PublicNameTest, IsTheHostUnlessItIsConfigured) {
  const auto request = request_for("cache:8080");
  EXPECT_EQ(public_base(request, {}), "http://cache:8080");
  EXPECT_EQ(public_base(request, {.external_url = "https://models.example/"}),
            "https://models.example");
}

TEST(PublicNameTest, SecurityRule20OnlyATrustedProxyForwards) {
  auto request = request_for("cache:8080");
  request.headers.set("X-Forwarded-Proto", "https");
  request.headers.set("X-Forwarded-Host", "models.example");
  request.headers.set("X-Forwarded-Prefix", "/hf/");
  request.headers.set("X-Forwarded-For", "1.1.1.1, 2.2.2.2");
  EXPECT_EQ(public_base(request, {}), "http://cache:8080");
  EXPECT_EQ(client_address(request, {}), "10.0.0.9");
  const PublicName behind{.trusted_proxies = {"10.0.0.9"}};
  EXPECT_EQ(public_base(request, behind), "https://models.example/hf");
  EXPECT_EQ(client_address(request, behind), "2.2.2.2");
}

TEST(PublicNameTest, SecurityRule20ALoopbackServerKnowsItsNames) {
  const std::vector<std::string> known{"Cache.Local"};
  const PublicName name{.external_url = "https://models.example/", .trusted_proxies = {"::1"}};
  for (const std::string host : {"127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:80",
                                 "a.localhost", "10.1.2.3", "models.example", "cache.local:1"}) {
    EXPECT_TRUE(is_known_host(request_for(host), name, known)) << host;
  }
  for (const std::string host : {"evil.example", "127.0.0.1.evil.example", "", "localhost.evil",
                                 "localhost:80@evil.example", "127.0.0.1:80/evil"}) {
    EXPECT_FALSE(is_known_host(request_for(host), name, known)) << host;
    EXPECT_TRUE(is_known_host(request_for(host, "::1"), name, known)) << host;
  }
}

}  // namespace
}  // namespace hubcache::http
