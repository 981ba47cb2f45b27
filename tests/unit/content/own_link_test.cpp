#include "hubcache/content/own_link.h"

#include <gtest/gtest.h>

namespace hubcache::content {
namespace {

const http::Url kHub = *http::Url::parse("https://huggingface.co");
constexpr std::string_view kOwn = "http://cache:8080/pulp/content/hf";

TEST(OwnLinkTest, NextLinkBecomesOurOwnWithItsQueryByteForByte) {
  EXPECT_EQ(own_next_link("<https://huggingface.co/api/models/a/b/tree/main?cursor=ZX%3D%3D&"
                          "recursive=true>; rel=\"next\"",
                          kHub, kOwn),
            "<http://cache:8080/pulp/content/hf/api/models/a/b/tree/main?cursor=ZX%3D%3D&"
            "recursive=true>; rel=\"next\"");
}

TEST(OwnLinkTest, AHubBelowAPathLosesThatPath) {
  const auto hub = *http::Url::parse("http://other:8080/pulp/content/hf");
  EXPECT_EQ(
      own_next_link("<http://other:8080/pulp/content/hf/api/models?p=1>; rel=\"next\"", hub, kOwn),
      "<http://cache:8080/pulp/content/hf/api/models?p=1>; rel=\"next\"");
  EXPECT_EQ(own_next_link("<http://other:8080/pulp/content/hf2/api/models>; rel=next", hub, kOwn),
            "");
}

TEST(OwnLinkTest, LinksElsewhereAreDropped) {
  EXPECT_EQ(own_next_link("<https://evil.example/api/models>; rel=\"next\"", kHub, kOwn), "");
  EXPECT_EQ(own_next_link("<https://huggingface.co/x>; rel=\"xet-auth\"", kHub, kOwn), "");
  EXPECT_EQ(own_next_link("", kHub, kOwn), "");
}

TEST(OwnLinkTest, TheNextLinkIsFoundAmongOthers) {
  EXPECT_EQ(own_next_link("<https://huggingface.co/a>; rel=\"prev\", "
                          "<https://huggingface.co/b>; rel=\"next\"",
                          kHub, kOwn),
            "<http://cache:8080/pulp/content/hf/b>; rel=\"next\"");
}

}  // namespace
}  // namespace hubcache::content
