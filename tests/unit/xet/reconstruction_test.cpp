#include "hubcache/xet/reconstruction.h"

#include <memory>
#include <span>
#include <variant>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace hubcache::xet {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kUrl = 1'000;  // about what a real one has
constexpr std::uint64_t kMany = 300;

std::string hash_of(std::uint64_t xorb) { return "hash" + std::to_string(xorb); }

std::string url_of(std::uint64_t xorb, const std::string& hash) {
  return hash + "\"?t=" + std::to_string(xorb) + std::string(kUrl, 'u');
}

/// The bytes as they are handed out, one by one.
Task<std::vector<std::string>> pieces_of(http::Body body) {
  std::vector<std::string> pieces;
  if (auto* text = std::get_if<std::string>(&body)) {
    pieces.push_back(std::move(*text));
    co_return pieces;
  }
  auto& source = *std::get<std::unique_ptr<http::SpanSource>>(body);
  while (true) {
    const auto span = co_await source.next();
    if (http::length_of(span) == 0) co_return pieces;
    const auto bytes = std::get<std::span<const std::byte>>(span);
    pieces.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

/// What it says of such xorbs, made all at once.
Json expected(std::uint64_t size, http::ByteRange range, Format format) {
  const bool is_v2 = format == Format::kV2;
  auto terms = Json::array();
  auto xorbs = Json::object();
  const Layout layout(size);
  for (std::uint64_t xorb = 0; xorb < layout.xorb_count(); ++xorb) {
    const auto term = layout.term(range, xorb);
    if (!term) continue;
    const auto hash = hash_of(xorb);
    const Json chunks{{"start", term->first_chunk}, {"end", term->end_chunk}};
    const Json bytes{{"start", term->packed.offset}, {"end", term->packed.end() - 1}};
    terms.push_back({{"hash", hash}, {"unpacked_length", term->unpacked}, {"range", chunks}});
    Json entry{{"url", url_of(xorb, hash)}};
    if (is_v2) {
      entry["ranges"] = Json::array({Json{{"chunks", chunks}, {"bytes", bytes}}});
    } else {
      entry["range"] = chunks;
      entry["url_range"] = bytes;
    }
    xorbs[hash] = Json::array({entry});
  }
  return {{"offset_into_first_range", range.offset % kChunkSize},
          {"terms", terms},
          {is_v2 ? "xorbs" : "fetch_info", xorbs}};
}

class Reconstruction : public testing::Test {
 protected:
  static http::Body body(std::uint64_t size, http::ByteRange range, Format format) {
    return reconstruction(Layout(size), range, format, {.hash_of = hash_of, .url_of = url_of});
  }
  std::vector<std::string> pieces(std::uint64_t size, http::ByteRange range, Format format) {
    return runner_.run(pieces_of(body(size, range, format)));
  }
  Json of(std::uint64_t size, http::ByteRange range, Format format) {
    std::string all;
    for (const auto& piece : pieces(size, range, format)) all += piece;
    return Json::parse(all);
  }

  test::Runner runner_;
};

// Shapes as in contract/xet.md, "Wire example".
TEST_F(Reconstruction, NewClientsGetXorbsWithTheirRanges) {
  auto got = of(kChunkSize + 3, {.offset = 0, .length = kChunkSize + 3}, Format::kV2);
  EXPECT_EQ(got["xorbs"]["hash0"][0]["url"], url_of(0, "hash0"));
  got["xorbs"]["hash0"][0]["url"] = "url0";
  EXPECT_EQ(got, Json::parse(R"({
    "offset_into_first_range": 0,
    "terms": [{"hash": "hash0", "unpacked_length": 131075, "range": {"start": 0, "end": 2}}],
    "xorbs": {"hash0": [{"url": "url0", "ranges": [
      {"chunks": {"start": 0, "end": 2}, "bytes": {"start": 0, "end": 131090}}]}]}})"));
}

TEST_F(Reconstruction, OldClientsGetFetchInfo) {
  auto got = of(kChunkSize + 3, {.offset = 0, .length = kChunkSize + 3}, Format::kV1);
  EXPECT_EQ(got["fetch_info"]["hash0"][0]["url"], url_of(0, "hash0"));
  got["fetch_info"]["hash0"][0]["url"] = "url0";
  EXPECT_EQ(got, Json::parse(R"({
    "offset_into_first_range": 0,
    "terms": [{"hash": "hash0", "unpacked_length": 131075, "range": {"start": 0, "end": 2}}],
    "fetch_info": {"hash0": [{"range": {"start": 0, "end": 2}, "url": "url0",
                              "url_range": {"start": 0, "end": 131090}}]}})"));
}

TEST_F(Reconstruction, APartBeginsSomewhereInItsFirstChunk) {
  const auto got = of(3 * kXorbData, {.offset = kXorbData - 1, .length = 2}, Format::kV2);
  EXPECT_EQ(got.at("offset_into_first_range"), kChunkSize - 1);
  ASSERT_EQ(got.at("terms").size(), 2U);
  EXPECT_EQ(got["terms"][0]["range"], Json({{"start", 99}, {"end", 100}}));
  EXPECT_EQ(got["terms"][1]["hash"], "hash1");
  EXPECT_EQ(got["xorbs"]["hash1"][0]["ranges"][0]["bytes"],
            Json({{"start", 0}, {"end", kChunkSize + 7}}));
}

TEST_F(Reconstruction, PiecesJoinToTheWholeOfAnyRange) {
  const auto size = kMany * kXorbData - 5;
  for (const auto format : {Format::kV1, Format::kV2}) {
    for (const http::ByteRange range :
         {http::ByteRange{.offset = 0, .length = size},
          http::ByteRange{.offset = 7 * kXorbData + 9 * kChunkSize + 3, .length = size / 2},
          http::ByteRange{.offset = size - 1, .length = 1}}) {
      EXPECT_EQ(of(size, range, format), expected(size, range, format)) << range.offset;
    }
  }
}

TEST_F(Reconstruction, NoPieceIsLongerThanItsBoundAndAXorb) {
  const auto size = kMany * kXorbData;
  const auto all = pieces(size, {.offset = 0, .length = size}, Format::kV1);
  EXPECT_GT(all.size(), kMany * kUrl / kReconstructionPiece);
  for (const auto& piece : all) EXPECT_LT(piece.size(), kReconstructionPiece + 2 * kUrl);
}

TEST_F(Reconstruction, OneOfASinglePieceHasALength) {
  const auto size = kMany * kXorbData;
  const auto some = body(size, {.offset = 0, .length = kXorbData}, Format::kV2);
  EXPECT_TRUE(std::holds_alternative<std::string>(some));
  const auto all = body(size, {.offset = 0, .length = size}, Format::kV2);
  EXPECT_EQ(std::get<std::unique_ptr<http::SpanSource>>(all)->size(), std::nullopt);
}

/// How many pieces came before another on the worker, who wanted it, had their turn.
Task<std::size_t> pieces_out_of_turn(http::Body body) {
  auto& source = *std::get<std::unique_ptr<http::SpanSource>>(body);
  const auto executor = co_await asio::this_coro::executor;
  co_await source.next();
  std::size_t count = 0;
  while (true) {
    auto had_turn = std::make_shared<bool>(false);
    asio::post(executor, [had_turn] { *had_turn = true; });
    const auto span = co_await source.next();
    if (http::length_of(span) == 0) co_return count;
    if (!*had_turn) ++count;
  }
}

TEST_F(Reconstruction, OthersOnTheWorkerHaveTheirTurnBetweenPieces) {
  const auto size = kMany * kXorbData;
  auto all = body(size, {.offset = 0, .length = size}, Format::kV2);
  EXPECT_EQ(runner_.run(pieces_out_of_turn(std::move(all))), 0U);
}

}  // namespace
}  // namespace hubcache::xet
