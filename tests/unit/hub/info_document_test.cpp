#include "hub/info_document.h"

#include <gtest/gtest.h>

namespace hubcache::hub {
namespace {

TEST(InfoDocument, SaysPublicWhenItIsNeitherPrivateNorGated) {
  EXPECT_TRUE(says_public(R"({"id":"o/n","private":false,"gated":false,"cardData":{"gated":1}})"));
}

TEST(InfoDocument, SaysNothingThatItDoesNotSayInAllClarity) {
  for (const auto* other : {
           "",
           "[]",
           "null",
           R"({"private":false,"gated":false)",
           R"([{"private":false,"gated":false}])",
           R"({"private":false})",
           R"({"gated":false})",
           R"({"private":true,"gated":false})",
           R"({"private":false,"gated":"manual"})",
           R"({"private":false,"gated":null})",
           R"({"private":0,"gated":0})",
           R"({"private":"false","gated":"false"})",
           R"({"private":false,"gated":false,"private":[]})",
           R"({"model":{"private":false,"gated":false}})",
       }) {
    EXPECT_FALSE(says_public(other)) << other;
  }
}

}  // namespace
}  // namespace hubcache::hub
