#include "hubcache/access/jq_path.h"

#include <gtest/gtest.h>

namespace hubcache::access {
namespace {

std::string text_at(std::string_view filter, std::string_view json) {
  const auto path = JqPath::parse(filter);
  if (!path) return "(no filter)";
  return path->text_in(json).value_or("(nothing)");
}

TEST(JqPathTest, APathLeadsToAText) {
  constexpr auto kDocument = R"({"a":{"b c":["x","y"]},"t":"z"})";
  EXPECT_EQ(text_at(".t", kDocument), "z");
  EXPECT_EQ(text_at(R"(.a."b c"[0])", kDocument), "x");
  EXPECT_EQ(text_at(R"(.a | .["b c"] | .[-1])", kDocument), "y");
  EXPECT_EQ(text_at(".a?.t?", kDocument), "(nothing)");
  EXPECT_EQ(text_at(".", R"("alone")"), "alone");
}

TEST(JqPathTest, WhatIsNoTextIsNothing) {
  EXPECT_EQ(text_at(".a", R"({"a":5})"), "(nothing)");
  EXPECT_EQ(text_at(".a.b", R"({"a":"x"})"), "(nothing)");
  EXPECT_EQ(text_at(".a[2]", R"({"a":["x"]})"), "(nothing)");
  EXPECT_EQ(text_at(".a", "no json"), "(nothing)");
}

TEST(JqPathTest, MoreThanAPathIsRefused) {
  for (const auto* filter :
       {"", "a", ".a |", ".a + .b", ".[", ".[x]", "..", ".a..b", "env", ".a | length", "$x"}) {
    EXPECT_FALSE(JqPath::parse(filter)) << filter;
  }
}

TEST(JqPathTest, ADocumentThatIsNestedWithoutEndIsNothing) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(text_at(".", deep), "(nothing)");
}

}  // namespace
}  // namespace hubcache::access
