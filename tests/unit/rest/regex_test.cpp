#include "hubcache/rest/regex.h"

#include <gtest/gtest.h>

namespace hubcache::rest {
namespace {

bool found(std::string_view pattern, std::string_view text, bool ignore_case = false) {
  const auto regex = Regex::compile(pattern, ignore_case);
  return regex && regex->found_in(text);
}

TEST(RegexTest, MatchesAnywhereUnlessAnchored) {
  EXPECT_TRUE(found("b", "abc"));
  EXPECT_TRUE(found("^ab", "abc"));
  EXPECT_FALSE(found("^b", "abc"));
  EXPECT_TRUE(found("bc$", "abc"));
  EXPECT_TRUE(found("^$", ""));
  EXPECT_TRUE(found("", "anything"));
}

TEST(RegexTest, KnowsRepetition) {
  EXPECT_TRUE(found("^ab*c$", "ac"));
  EXPECT_TRUE(found("^ab+c$", "abbbc"));
  EXPECT_FALSE(found("^ab+c$", "ac"));
  EXPECT_TRUE(found("^ab?c$", "abc"));
  EXPECT_TRUE(found("^a{2,3}$", "aaa"));
  EXPECT_FALSE(found("^a{2,3}$", "aaaa"));
  EXPECT_TRUE(found("^a{2}$", "aa"));
  EXPECT_TRUE(found("^a{2,}$", "aaaaa"));
  EXPECT_TRUE(found("^(ab){2}$", "abab"));
  EXPECT_TRUE(found("a{x", "a{x"));
}

TEST(RegexTest, KnowsSetsGroupsAndAlternatives) {
  EXPECT_TRUE(found("^[a-c]+$", "cab"));
  EXPECT_FALSE(found("^[^a-c]+$", "xay"));
  EXPECT_TRUE(found("^(?:x|yy|z)$", "yy"));
  EXPECT_TRUE(found(R"(^\d+\.\d+$)", "12.5"));
  EXPECT_TRUE(found(R"(^[\d_-]+$)", "1_2-3"));
  EXPECT_FALSE(found(R"(\S)", "  "));
  EXPECT_TRUE(found("^.$", "ü"));
}

TEST(RegexTest, CanIgnoreCase) {
  EXPECT_TRUE(found("^ABC$", "abc", true));
  EXPECT_TRUE(found("^[A-C]+$", "abc", true));
  EXPECT_FALSE(found("^ABC$", "abc"));
}

TEST(RegexTest, RefusesWhatItDoesNotKnow) {
  for (const char* pattern : {"[", "(", ")", "*a", "(?=a)", R"(\1)", R"(\b)", "a{300}", "[b-a]"}) {
    EXPECT_FALSE(Regex::compile(pattern, false)) << pattern;
  }
  EXPECT_FALSE(Regex::compile("(((a{99}){99}){99})", false));
  EXPECT_FALSE(Regex::compile(std::string(1000, '('), false));
}

TEST(RegexTest, SecurityRule15APatternMadeToBacktrackTakesNoLonger) {
  EXPECT_FALSE(found("^(a*)*b$", std::string(5000, 'a')));
  EXPECT_FALSE(found("^(a|aa)+$", std::string(5000, 'a') + "b"));
}

/// `piece`, that often, with `between` between them.
std::string repeated(std::string_view piece, int count, std::string_view between = "") {
  std::string text(piece);
  for (int i = 1; i < count; ++i) (text += between) += piece;
  return text;
}

TEST(RegexTest, ManyAlternativesAreEachFound) {
  const auto pattern = "^(" + repeated("a", 1000, "|") + "|bb|)$";
  EXPECT_TRUE(found(pattern, "a"));
  EXPECT_TRUE(found(pattern, "bb"));
  EXPECT_TRUE(found(pattern, ""));
  EXPECT_FALSE(found(pattern, "b"));
  EXPECT_FALSE(Regex::compile(repeated("a", 7500, "|"), false));
}

// All that a pattern may do before it is refused is bounded too: these took seconds, or memory.
TEST(RegexTest, SecurityRule15APatternThatGrowsWhileItIsReadIsRefused) {
  const std::string set = "[" + repeated("abc", 1000) + "]";
  for (const auto& pattern :
       {std::string("((a{200}){24}){200}"), repeated("((a{200}){24}){0}", 1000),
        "((a{200}){24})" + repeated("{1}", 5000), "a" + repeated("*", 5000),
        "(" + set + "{200}){0}", repeated(set + "{1}", 5), std::string("(a{200}){9999}")}) {
    EXPECT_FALSE(Regex::compile(pattern, false)) << pattern.substr(0, 40);
  }
}

}  // namespace
}  // namespace hubcache::rest
