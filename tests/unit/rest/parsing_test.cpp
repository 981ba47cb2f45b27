#include "hubcache/rest/parsing.h"

#include <gtest/gtest.h>

namespace hubcache::rest {
namespace {

Parsed parse(std::string body, std::string_view type = "application/json") {
  http::Request request;
  request.method = "POST";
  request.body = std::move(body);
  if (!type.empty()) request.headers.set("Content-Type", type);
  return parse_body(request);
}

TEST(ParsingTest, NoBodyIsAnEmptyObjectWhateverTheType) {
  EXPECT_EQ(parse("", "text/plain").status, 0);
  EXPECT_EQ(parse("").input.values, Json::object());
}

TEST(ParsingTest, OfAKeyThatComesTwiceTheLastCounts) {
  EXPECT_EQ(parse(R"({"a":1,"a":2})").input.values["a"], 2);
}

TEST(ParsingTest, WhatIsNoJsonNamesWhereItEnds) {
  const auto parsed = parse("{\"name\":");
  EXPECT_EQ(parsed.status, 400);
  EXPECT_EQ(parsed.detail, "JSON parse error - Expecting value: line 1 column 9 (char 8)");
  EXPECT_EQ(parse("   ").status, 400);
  EXPECT_EQ(parse("{\"a\": NaN}").status, 400);
  EXPECT_EQ(parse("\xef\xbb\xbf{}").status, 400);
  EXPECT_EQ(parse("/* c */ {}").status, 400);
}

TEST(ParsingTest, DeepNestingIsRefused) {
  EXPECT_EQ(parse(std::string(100'000, '[')).status, 400);
  EXPECT_EQ(parse(std::string(3000, '[') + std::string(3000, ']')).status, 400);
}

TEST(ParsingTest, OtherTypesOfContentAreNamedInTheRefusal) {
  EXPECT_EQ(parse("x", "text/plain").status, 415);
  EXPECT_EQ(parse("x", "text/plain").detail, "Unsupported media type \"text/plain\" in request.");
  EXPECT_EQ(parse("{}", "").detail, "Unsupported media type \"\" in request.");
  EXPECT_EQ(parse("{}", "APPLICATION/JSON; charset=utf-8").status, 0);
}

TEST(ParsingTest, ALoneSurrogateIsMarkedAndAPairIsACharacter) {
  EXPECT_EQ(lone_surrogate(parse(R"({"a":"x\ud800y"})").input.values["a"].get<std::string>()),
            "D800");
  const auto pair = parse(R"({"a":"\ud83d\ude00","b":"\\ud800"})").input.values;
  EXPECT_EQ(pair["a"], "😀");
  EXPECT_EQ(pair["b"], "\\ud800");
}

TEST(ParsingTest, AFormIsTextsAndDottedNamesAreMaps) {
  const auto parsed =
      parse("name=a+b&pulp_labels.team=ml&x=%C3%BC&name=last", "application/x-www-form-urlencoded");
  EXPECT_TRUE(parsed.input.is_form);
  EXPECT_EQ(parsed.input.values["name"], "last");
  EXPECT_EQ(parsed.input.values["pulp_labels"]["team"], "ml");
  EXPECT_EQ(parsed.input.values["x"], "ü");
}

TEST(ParsingTest, MultipartHasTextsAndFilesAreNoText) {
  const std::string body =
      "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nvalue\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"file\"; "
      "filename=\"a.txt\"\r\n\r\nx\r\n--B--\r\n";
  const auto parsed = parse(body, "multipart/form-data; boundary=B");
  EXPECT_EQ(parsed.input.values["name"], "value");
  EXPECT_FALSE(parsed.input.values["file"].is_string());
  EXPECT_EQ(parse("--", "multipart/form-data").status, 400);
  EXPECT_EQ(parse("--B\r\nbroken", "multipart/form-data; boundary=B").input.values, Json::object());
}

}  // namespace
}  // namespace hubcache::rest
