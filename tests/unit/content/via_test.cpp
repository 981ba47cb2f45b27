#include "hubcache/content/via.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kSelf = "00000000000000aa";

std::string via_of(std::string via) {
  http::Request request;
  request.headers.add("Via", std::move(via));
  return via_hubcaches(request, kSelf);
}

TEST(Via, HandsOnTheHubcachesAndNothingElse) {
  EXPECT_EQ(via_hubcaches({}, kSelf), "");
  EXPECT_EQ(via_of("1.1 proxy.example.org (squid), HTTP/2 inner"), "");
  EXPECT_EQ(via_of("1.1 0123456789abcdef, 1.1 proxy,1.1 fedcba9876543210"),
            "1.1 0123456789abcdef, 1.1 fedcba9876543210, ");
}

TEST(Via, RefusesALoop) {
  for (const std::string via :
       {"1.1 00000000000000aa", "1.1 0123456789abcdef, 1.1 00000000000000aa",
        "1.0 proxy,1.1 00000000000000aa (comment)"}) {
    try {
      via_of(via);
      ADD_FAILURE() << via;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::kLoop);
    }
  }
}

TEST(Via, RefusesAChainWithoutEnd) {
  std::string via = "1.1 0123456789abcdef";
  for (int i = 1; i < 8; ++i) via += ", 1.1 0123456789abcdef";
  EXPECT_EQ(via_of(via), via + ", ");
  via += ", 1.1 0123456789abcdef";
  EXPECT_THROW(via_of(via), Error);
}

}  // namespace
}  // namespace hubcache::content
