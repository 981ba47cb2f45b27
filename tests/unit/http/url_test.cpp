#include "hubcache/http/url.h"

#include <gtest/gtest.h>

namespace hubcache::http {
namespace {

TEST(Url, IsTakenApartWithoutDecoding) {
  const auto url = Url::parse("HTTPS://Hub.Example:8443/a%2Fb/c?x=%20&y#frag");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "hub.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/a%2Fb/c");
  EXPECT_EQ(url->query, "x=%20&y");
  EXPECT_EQ(url->text(), "https://hub.example:8443/a%2Fb/c?x=%20&y");
}

TEST(Url, FillsInPortAndPath) {
  const auto plain = Url::parse("http://host");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->port, 80);
  EXPECT_EQ(plain->path, "/");
  EXPECT_EQ(plain->authority(), "host");
  EXPECT_EQ(Url::parse("https://host?q=1")->target(), "/?q=1");
  EXPECT_EQ(Url::parse("https://host:443")->authority(), "host");
  EXPECT_EQ(Url::parse("http://[::1]:8080/")->host, "::1");
  EXPECT_EQ(Url::parse("http://[::1]:8080/")->authority(), "[::1]:8080");
}

TEST(Url, RefusesWhatIsNoPlainHttpUrl) {
  for (const char* text : {"",
                           "host",
                           "/path",
                           "ftp://host/",
                           "file:///etc/passwd",
                           "http://",
                           "http:///path",
                           "http://user@host/",
                           "http://user:pw@host/",
                           "http://host:0/",
                           "http://host:65536/",
                           "http://host:8a/",
                           "http://ho st/",
                           "http://host/a b",
                           "http://host/a\nb",
                           "http://host\\@x/",
                           "http://[::1/",
                           "http://[zz]/",
                           "http://ho%73t/",
                           "http://a,b/",
                           "//host/"}) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
}

TEST(Url, ResolvesReferencesAsRfc3986Does) {
  const auto base = Url::parse("http://a/b/c/d?q");
  ASSERT_TRUE(base);
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"", "http://a/b/c/d?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g/../h", "http://a/b/c/h"},
      {"g#s", "http://a/b/c/g"},
      {"https://x/y?z", "https://x/y?z"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
  };
  for (const auto& [reference, expected] : cases) {
    const auto url = base->resolve(reference);
    ASSERT_TRUE(url) << reference;
    EXPECT_EQ(url->text(), expected) << reference;
  }
  EXPECT_FALSE(base->resolve("file:///etc/passwd"));
  EXPECT_FALSE(base->resolve("javascript:alert(1)"));
  EXPECT_FALSE(base->resolve("http://user@b/"));
  EXPECT_FALSE(base->resolve("a\r\nb"));
}

TEST(Url, OriginIsSchemeHostAndPort) {
  const auto url = Url::parse("https://host/a");
  EXPECT_TRUE(url->same_origin(*Url::parse("https://HOST:443/b")));
  EXPECT_FALSE(url->same_origin(*Url::parse("http://host:443/a")));
  EXPECT_FALSE(url->same_origin(*Url::parse("https://host:444/a")));
}

TEST(Percent, DecodingRefusesBadEscapesAndNul) {
  EXPECT_EQ(percent_decode("a%2Fb%c3%A4+"), "a/b\xc3\xa4+");
  for (const char* text : {"%", "%4", "%zz", "a%2", "%00", "%0g"}) {
    EXPECT_FALSE(percent_decode(text)) << text;
  }
}

TEST(Percent, EncodingAndDecodingAreInverse) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a/b c"), "a%2Fb%20c");
  EXPECT_EQ(percent_encode("a/b c", "/"), "a/b%20c");
}

TEST(Pairs, AreDecodedAndKeepTheirOrderAndBlankValues) {
  const Pairs expected{{"b", "x y z"}, {"a", ""}, {"c", ""}, {"d", "%zz"}};
  EXPECT_EQ(parse_pairs("b=x%20y+z&a=&c&&d=%zz"), expected);
  EXPECT_TRUE(parse_pairs("").empty());
}

}  // namespace
}  // namespace hubcache::http
