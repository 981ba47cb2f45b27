#include "hub/requests.h"

#include <string>

#include <gtest/gtest.h>

#include "hub/delivery.h"

namespace hubcache::hub {
namespace {

Endpoint endpoint() {
  Endpoint endpoint;
  endpoint.base = http::Url::parse("https://hub.example/base").value();
  endpoint.origin.host = "hub.example";
  endpoint.origin.client_cert = "cert";
  endpoint.origin.client_key = "key";
  endpoint.origin.ca_cert = "ca";
  endpoint.origin.proxy_url = "http://proxy:3128";
  endpoint.origin.verify_tls = false;
  endpoint.origin.allow_private = true;
  endpoint.allowed_private_hosts = {"Files.example"};
  endpoint.token = "hf_remote";
  endpoint.username = "Aladdin";
  endpoint.password = "open sesame";
  endpoint.headers = {{"X-Gate", "1"}, {"Host", "evil"}, {"Range", "bytes=0-1"}, {"Accept", "x"}};
  return endpoint;
}

const Credential kAnonymous = Credential::anonymous();
const Credential kRemote{.kind = Credential::Kind::kRemote, .token = {}, .key = "remote"};
const Credential kCaller{.kind = Credential::Kind::kCaller, .token = "hf_caller", .key = "k"};

std::string field(const http::Headers& headers, std::string_view name) {
  return std::string(headers.get(name).value_or("(none)"));
}

http::Url url(std::string_view text) { return http::Url::parse(text).value(); }

TEST(Requests, AreTheSameForEveryClient) {
  const auto headers = hub_headers(endpoint(), kAnonymous, "id1", "gzip");
  EXPECT_EQ(headers.size(), 3U);
  EXPECT_EQ(field(headers, "Accept"), "*/*");
  EXPECT_EQ(field(headers, "Accept-Encoding"), "gzip");
  EXPECT_EQ(field(headers, "Via"), "1.1 id1");
  auto chained = endpoint();
  chained.via = "1.1 id0, ";
  EXPECT_EQ(field(hub_headers(chained, kAnonymous, "id1", "gzip"), "Via"), "1.1 id0, 1.1 id1");
}

// SECURITY 3
TEST(Requests, CarryTheRemotesRightOnlyForItsOwnCredential) {
  const auto own = hub_headers(endpoint(), kRemote, "id1", "identity");
  EXPECT_EQ(field(own, "Authorization"), "Bearer hf_remote");
  EXPECT_EQ(field(own, "X-Gate"), "1");
  const auto caller = hub_headers(endpoint(), kCaller, "id1", "identity");
  EXPECT_EQ(field(caller, "Authorization"), "Bearer hf_caller");
  EXPECT_EQ(field(caller, "X-Gate"), "(none)");
  EXPECT_FALSE(hub_headers(endpoint(), kAnonymous, "id1", "identity").has("Authorization"));
  EXPECT_FALSE(cdn_headers().has("Authorization"));
}

TEST(Requests, UseBasicWhereTheRemoteHasNoToken) {
  auto remote = endpoint();
  remote.token.clear();
  EXPECT_EQ(field(hub_headers(remote, kRemote, "id1", "identity"), "Authorization"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(Requests, LetNoRemoteFrameTheMessage) {
  const auto headers = hub_headers(endpoint(), kRemote, "id1", "identity");
  EXPECT_FALSE(headers.has("Host"));
  EXPECT_FALSE(headers.has("Range"));
  EXPECT_EQ(headers.all("Accept").size(), 1U);
  EXPECT_EQ(field(headers, "Accept"), "*/*");
}

// SECURITY 17
TEST(Requests, OfAnotherHostHaveNoClientCertificateNorPrivateAddress) {
  const auto cdn = origin_of(endpoint(), kRemote, url("https://cdn.example:8443/x?sig=1"));
  EXPECT_EQ(cdn.host, "cdn.example");
  EXPECT_EQ(cdn.port, 8443);
  EXPECT_EQ(cdn.client_cert, "");
  EXPECT_EQ(cdn.client_key, "");
  EXPECT_FALSE(cdn.allow_private);
  EXPECT_EQ(cdn.proxy_url, "http://proxy:3128");
  EXPECT_EQ(cdn.ca_cert, "ca");
  EXPECT_FALSE(cdn.verify_tls);
}

TEST(Requests, MayReachPrivateAddressesOfTheHubsHostAndTheAllowList) {
  EXPECT_TRUE(origin_of(endpoint(), kRemote, url("https://hub.example:9/x")).allow_private);
  EXPECT_TRUE(origin_of(endpoint(), kRemote, url("https://files.example/x")).allow_private);
  EXPECT_EQ(origin_of(endpoint(), kRemote, url("https://hub.example/x")), endpoint().origin);
  auto on_the_internet = endpoint();
  on_the_internet.origin.allow_private = false;
  EXPECT_FALSE(origin_of(on_the_internet, kRemote, url("https://hub.example:9/x")).allow_private);
  EXPECT_EQ(origin_of(endpoint(), kRemote, url("https://hub.example:9/x")).client_cert, "");
}

// SECURITY 3
TEST(Requests, ShowTheClientCertificateOnlyWithTheRemotesRight) {
  const auto hub = url("https://hub.example/x");
  EXPECT_EQ(origin_of(endpoint(), kRemote, hub).client_cert, "cert");
  for (const auto& other : {kAnonymous, kCaller}) {
    EXPECT_EQ(origin_of(endpoint(), other, hub).client_cert, "");
    EXPECT_EQ(origin_of(endpoint(), other, hub).client_key, "");
  }
}

// SECURITY 17
TEST(Requests, NeverGoFromHttpsToHttp) {
  EXPECT_FALSE(may_follow(url("https://a/"), url("http://a/")));
  EXPECT_TRUE(may_follow(url("http://a/"), url("https://a/")));
  EXPECT_TRUE(may_follow(url("https://a/"), url("https://b/")));
}

TEST(Requests, AreLoggedWithoutTheirQuery) {
  EXPECT_EQ(loggable(url("https://a:8443/x?Signature=secret")), "https://a:8443/x");
}

TEST(Requests, AskForARangeUnlessTheyWantAll) {
  EXPECT_EQ(range_of(0, 10), "bytes=0-9");
  EXPECT_EQ(range_of(5, 1), "bytes=5-5");
  EXPECT_EQ(range_of(5, UINT64_MAX), "bytes=5-");
  EXPECT_EQ(range_of(0, UINT64_MAX), "");
  EXPECT_EQ(range_of(0, 0), "");
}

TEST(Requests, AcceptOnlyTheRangeTheyAskedFor) {
  const auto answer = [](int status, http::Headers headers, std::optional<std::uint64_t> length) {
    Delivery delivery;
    delivery.url = url("https://cdn/x");
    delivery.response.status = status;
    delivery.response.headers = std::move(headers);
    delivery.response.content_length = length;
    return delivery;
  };
  const auto part = stream_of(answer(206, {{"Content-Range", "bytes 5-9/20"}}, 5), 5, 5);
  EXPECT_EQ(part.offset, 5U);
  EXPECT_EQ(part.size, 20U);
  EXPECT_EQ(part.location, "https://cdn/x");
  const auto whole = stream_of(answer(200, {}, 20), 5, 5);
  EXPECT_EQ(whole.offset, 0U);
  EXPECT_EQ(whole.size, 20U);

  EXPECT_THROW(stream_of(answer(206, {{"Content-Range", "bytes 4-9/20"}}, 6), 5, 5), Error);
  EXPECT_THROW(stream_of(answer(206, {{"Content-Range", "bytes 5-12/20"}}, 8), 5, 5), Error);
  EXPECT_THROW(stream_of(answer(206, {{"Content-Range", "bytes 5-9/20"}}, 6), 5, 5), Error);
  EXPECT_THROW(stream_of(answer(206, {}, 5), 5, 5), Error);
  EXPECT_THROW(stream_of(answer(200, {{"Content-Encoding", "gzip"}}, 20), 0, 20), Error);
}

}  // namespace
}  // namespace hubcache::hub
