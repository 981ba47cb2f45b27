#include "hubcache/http/proxies.h"

#include <gtest/gtest.h>

#include "hubcache/http/client.h"

namespace hubcache::http {
namespace {

using Environment = std::vector<std::string>;

Origin routed(const Environment& environment, const std::string& scheme, const std::string& host,
              std::uint16_t port = 443) {
  return Proxies(environment).route({.scheme = scheme, .host = host, .port = port});
}

TEST(ProxiesTest, EachSchemeHasItsOwn) {
  const Environment environment{"http_proxy=http://p:1", "https_proxy=http://q:2", "PATH=/bin"};
  EXPECT_EQ(routed(environment, "http", "hub.example").proxy_url, "http://p:1");
  EXPECT_EQ(routed(environment, "https", "hub.example").proxy_url, "http://q:2");
  EXPECT_EQ(routed({}, "https", "hub.example").proxy_url, "");
}

TEST(ProxiesTest, SmallLettersWinOverCapitals) {
  EXPECT_EQ(routed({"HTTPS_PROXY=http://a:1"}, "https", "h").proxy_url, "http://a:1");
  EXPECT_EQ(routed({"https_proxy=http://b:1", "HTTPS_PROXY=http://a:1"}, "https", "h").proxy_url,
            "http://b:1");
  EXPECT_EQ(routed({"HTTPS_PROXY=http://a:1", "https_proxy="}, "https", "h").proxy_url, "");
}

TEST(ProxiesTest, CredentialsAreTakenOutOfTheUrl) {
  const auto origin = routed({"https_proxy=http://us%40er:p%3Aw@p:1/"}, "https", "h");
  EXPECT_EQ(origin.proxy_url, "http://p:1/");
  EXPECT_EQ(origin.proxy_username, "us@er");
  EXPECT_EQ(origin.proxy_password, "p:w");
}

TEST(ProxiesTest, AProxyWithoutSchemeIsSpokenToInHttp) {
  EXPECT_EQ(routed({"http_proxy=p:3128"}, "http", "h").proxy_url, "http://p:3128");
}

TEST(ProxiesTest, WhatNoProxyNamesIsAskedDirectly) {
  const Environment environment{"https_proxy=http://p:1",
                                "no_proxy=localhost, .Inside.example,hub.example:444"};
  for (const auto* host : {"localhost", "inside.example", "a.b.INSIDE.example"}) {
    EXPECT_EQ(routed(environment, "https", host).proxy_url, "") << host;
  }
  for (const auto* host : {"notinside.example", "hub.example", "local"}) {
    EXPECT_EQ(routed(environment, "https", host).proxy_url, "http://p:1") << host;
  }
  EXPECT_EQ(routed(environment, "https", "hub.example", 444).proxy_url, "");
  EXPECT_EQ(routed({"https_proxy=http://p:1", "NO_PROXY=*"}, "https", "any").proxy_url, "");
}

TEST(ProxiesTest, ARemotesOwnProxyStays) {
  const Proxies proxies({"https_proxy=http://p:1", "no_proxy=*"});
  EXPECT_EQ(proxies.route({.host = "h", .proxy_url = "http://own:1"}).proxy_url, "http://own:1");
}

}  // namespace
}  // namespace hubcache::http
