#include "hubcache/http/text_answer.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <zlib.h>

#include "hubcache/base/error.h"

#include "support/run.h"

namespace hubcache::http {
namespace {

constexpr std::string_view kWeakTag = "W/\"abc\"";

std::string unpacked(const std::string& packed, std::size_t size) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string json_of(std::size_t size) {
  std::string text = "[";
  while (text.size() < size) text += "{\"path\":\"file" + std::to_string(text.size()) + "\"},";
  text.resize(size - 1);
  return text + "]";
}

class TextAnswerTest : public testing::Test {
 protected:
  Response finish(Headers fields, std::string body, std::string_view etag = kWeakTag,
                  std::string_view type = "application/json; charset=utf-8", int status = 200) {
    Request request;
    request.headers = std::move(fields);
    auto response = text_response(status, std::move(body), type);
    if (!etag.empty()) response.headers.set("ETag", etag);
    return runner.run(finish_text(pool, request, std::move(response)));
  }
  Response finish_edited(Headers fields, SharedText body, TextEdit edit, int status = 200) {
    Request request;
    request.headers = std::move(fields);
    auto response = text_response(status, {}, "application/json");
    response.headers.set("ETag", kWeakTag);
    response.body = std::move(body);
    return runner.run(finish_text(pool, request, std::move(response), std::move(edit)));
  }
  static const std::string& body_of(const Response& response) {
    return std::get<std::string>(response.body);
  }

  test::Runner runner;
  Pool pool{"test", 1};
};

TEST_F(TextAnswerTest, IsPackedForClientsThatTakeGzip) {
  for (const std::size_t size : {1024U, 16U * 1024, 500U * 1024, 8U * 1024 * 1024}) {
    const auto text = json_of(size);
    const auto answer = finish({{"Accept-Encoding", "gzip, deflate, br"}}, text);
    EXPECT_EQ(answer.headers.get("Content-Encoding"), "gzip");
    EXPECT_EQ(answer.headers.get("Vary"), "Accept-Encoding");
    EXPECT_EQ(answer.headers.get("ETag"), kWeakTag);
    EXPECT_LT(body_of(answer).size(), size / 2);
    EXPECT_TRUE(unpacked(body_of(answer), size) == text);
  }
}

TEST_F(TextAnswerTest, IsPlainForOthersWhoLearnThatItVaries) {
  const auto text = json_of(5000);
  const auto answer = finish({}, text);
  EXPECT_FALSE(answer.headers.has("Content-Encoding"));
  EXPECT_EQ(answer.headers.get("Vary"), "Accept-Encoding");
  EXPECT_TRUE(body_of(answer) == text);
}

TEST_F(TextAnswerTest, IsNotPackedWhenItIsSmallOrHugeOrNoTextOrAnError) {
  const Headers gzip{{"Accept-Encoding", "gzip"}};
  for (const auto& answer :
       {finish(gzip, json_of(1023)), finish(gzip, json_of(8 * 1024 * 1024 + 1)),
        finish(gzip, json_of(5000), kWeakTag, "application/octet-stream"),
        finish(gzip, json_of(5000), kWeakTag, "application/json", 404)}) {
    EXPECT_FALSE(answer.headers.has("Content-Encoding"));
    EXPECT_FALSE(answer.headers.has("Vary"));
    EXPECT_EQ(body_of(answer)[0], '[');
  }
}

TEST_F(TextAnswerTest, OnceItIsPackedItsTagIsWeak) {
  EXPECT_EQ(finish({{"Accept-Encoding", "gzip"}}, json_of(5000), "\"a\"").headers.get("ETag"),
            "W/\"a\"");
  EXPECT_EQ(finish({}, json_of(5000), "\"a\"").headers.get("ETag"), "\"a\"");
  EXPECT_FALSE(finish({{"Accept-Encoding", "gzip"}}, json_of(5000), "").headers.has("ETag"));
}

TEST_F(TextAnswerTest, IsNotSentAgainToWhoHasIt) {
  for (const char* tags : {"W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"}) {
    const auto answer =
        finish({{"If-None-Match", tags}, {"Accept-Encoding", "gzip"}}, json_of(5000));
    EXPECT_EQ(answer.status, 304) << tags;
    EXPECT_TRUE(std::holds_alternative<std::monostate>(answer.body)) << tags;
    EXPECT_EQ(answer.headers.get("ETag"), kWeakTag) << tags;
    EXPECT_EQ(answer.headers.get("Vary"), "Accept-Encoding") << tags;
    EXPECT_FALSE(answer.headers.has("Content-Encoding")) << tags;
  }
  EXPECT_EQ(finish({{"If-None-Match", "W/\"x\""}}, "{}").status, 200);
  EXPECT_EQ(finish({{"If-None-Match", "*"}}, "{}", "").status, 200);
  EXPECT_EQ(finish({{"If-None-Match", kWeakTag}}, "{}", kWeakTag, "text/plain", 404).status, 404);
}

TEST_F(TextAnswerTest, WhatIsSharedIsSentAsItIs) {
  const SharedText text(json_of(500'000));
  const auto answer = finish_edited({}, text, {});
  EXPECT_EQ(text_of(answer.body)->data(), text.view().data());
  EXPECT_TRUE(unpacked(body_of(finish_edited({{"Accept-Encoding", "gzip"}}, text, {})), 500'000) ==
              text.view());
}

TEST_F(TextAnswerTest, IsEditedBeforeItIsPacked) {
  const TextEdit edit = [](std::string_view text) { return "[1," + std::string(text.substr(1)); };
  for (const std::size_t size : {100U, 5'000U, 500'000U, 9'000'000U}) {
    const SharedText text(json_of(size));
    const auto expected = edit(text);
    EXPECT_TRUE(body_of(finish_edited({}, text, edit)) == expected) << size;
    const auto packed = finish_edited({{"Accept-Encoding", "gzip"}}, text, edit);
    if (packed.headers.has("Content-Encoding")) {
      EXPECT_TRUE(unpacked(body_of(packed), expected.size()) == expected) << size;
    } else {
      EXPECT_TRUE(body_of(packed) == expected) << size;
    }
    EXPECT_TRUE(body_of(finish_edited({}, text, edit, 404)) == expected) << size;
  }
}

TEST_F(TextAnswerTest, WhoHasItNeedsNoEdit) {
  const TextEdit edit = [](std::string_view /*text*/) -> std::string {
    throw Error(Error::Kind::kInternal, "edited all the same");
  };
  EXPECT_EQ(finish_edited({{"If-None-Match", kWeakTag}}, json_of(5000), edit).status, 304);
}

TEST(AcceptEncoding, IsReadWithItsWeights) {
  const auto prefers = [](const char* field) { return prefers_gzip({{"Accept-Encoding", field}}); };
  for (const char* field :
       {"gzip", "GZIP", "x-gzip", "br, gzip", "deflate,gzip;q=0.001", "gzip ; q=1.000", "*",
        "identity;q=0.5, gzip;q=0.5", "*;q=0, gzip;q=0.2", "identity;q=0, *", "gzip;Q=0.5", "gzip;",
        " , gzip"}) {
    EXPECT_TRUE(prefers(field)) << field;
  }
  for (const char* field : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0",
                            "*, gzip;q=0", "gzip;q=0.4, identity;q=0.5", "gzip;q=0.4, *",
                            "gzip;q=2", "gzip;q=1.001", "gzip;q=", "gzip;q=0.1234", "gzip;q=.5",
                            "gzip;q=-1", "gzip;q=a", "gzip;x=1", "gzipped", "xgzip"}) {
    EXPECT_FALSE(prefers(field)) << field;
  }
  EXPECT_FALSE(prefers_gzip({}));
  EXPECT_TRUE(prefers_gzip({{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip"}}));
}

}  // namespace
}  // namespace hubcache::http
