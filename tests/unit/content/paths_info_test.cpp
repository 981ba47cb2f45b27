#include "hubcache/content/paths_info.h"

#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache::content {
namespace {

std::string form_of(std::string type, std::string body) {
  http::Request request{.method = "POST", .body = std::move(body)};
  request.headers.set("Content-Type", std::move(type));
  return paths_info_form(request);
}

TEST(PathsInfoTest, AFormAndJsonBecomeTheSame) {
  const std::string expected = "paths=a%2Fb%20c&paths=d&expand=true";
  EXPECT_EQ(form_of("application/x-www-form-urlencoded", "paths=a/b+c&paths=d&expand=True"),
            expected);
  EXPECT_EQ(form_of("application/json; charset=utf-8", R"({"paths":["a/b c","d"],"expand":true})"),
            expected);
  EXPECT_EQ(form_of("application/json", R"({"paths":"d"})"), "paths=d&expand=false");
}

TEST(PathsInfoTest, WhatCannotBeReadIsRefused) {
  for (const std::string body : {"", "[]", "{", R"({"paths":[7]})", R"({"paths":[]})",
                                 R"({"paths":["a"],"expand":"yes"})"}) {
    EXPECT_THROW(form_of("application/json", body), Error) << body;
  }
  EXPECT_THROW(form_of("application/x-www-form-urlencoded", "expand=true"), Error);
}

}  // namespace
}  // namespace hubcache::content
