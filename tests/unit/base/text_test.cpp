#include "hubcache/base/text.h"

#include <gtest/gtest.h>

namespace hubcache {
namespace {

TEST(Text, TrimmedTakesOffBlanksAndTabsOnly) {
  EXPECT_EQ(trimmed(" \t a b\t "), "a b");
  EXPECT_EQ(trimmed("\na\r"), "\na\r");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(Text, LowerCaseChangesLettersOfAsciiOnly) {
  EXPECT_EQ(lower_case("Application/JSON; [Q]=\xC3\x89"), "application/json; [q]=\xC3\x89");
}

}  // namespace
}  // namespace hubcache
