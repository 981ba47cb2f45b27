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

TEST(Text, LowerHexIsDigitsAndSmallLettersToF) {
  EXPECT_TRUE(is_lower_hex("0123456789abcdef"));
  EXPECT_FALSE(is_lower_hex("aB"));
  EXPECT_FALSE(is_lower_hex("g"));
  EXPECT_FALSE(is_lower_hex(" 1"));
}

TEST(Text, InHtmlNothingOpensATagOrClosesAnAttribute) {
  EXPECT_EQ(in_html(R"(<a b="c">'&amp;é)"), "&lt;a b=&quot;c&quot;&gt;'&amp;amp;é");
}

}  // namespace
}  // namespace hubcache
