#include "hubcache/xet/reconstruction.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hubcache::xet {
namespace {

using Json = nlohmann::json;

XorbPlace place_of(std::uint64_t xorb) {
  return {.hash = "hash" + std::to_string(xorb), .url = "url" + std::to_string(xorb)};
}

Json of(std::uint64_t size, http::ByteRange range, Format format) {
  return Json::parse(reconstruction(Layout(size), range, format, place_of));
}

// Shapes as in contract/xet.md, "Wire example".
TEST(Reconstruction, NewClientsGetXorbsWithTheirRanges) {
  const auto got = of(kChunkSize + 3, {.offset = 0, .length = kChunkSize + 3}, Format::kV2);
  EXPECT_EQ(got, Json::parse(R"({
    "offset_into_first_range": 0,
    "terms": [{"hash": "hash0", "unpacked_length": 131075, "range": {"start": 0, "end": 2}}],
    "xorbs": {"hash0": [{"url": "url0", "ranges": [
      {"chunks": {"start": 0, "end": 2}, "bytes": {"start": 0, "end": 131090}}]}]}})"));
}

TEST(Reconstruction, OldClientsGetFetchInfo) {
  const auto got = of(kChunkSize + 3, {.offset = 0, .length = kChunkSize + 3}, Format::kV1);
  EXPECT_EQ(got, Json::parse(R"({
    "offset_into_first_range": 0,
    "terms": [{"hash": "hash0", "unpacked_length": 131075, "range": {"start": 0, "end": 2}}],
    "fetch_info": {"hash0": [{"range": {"start": 0, "end": 2}, "url": "url0",
                              "url_range": {"start": 0, "end": 131090}}]}})"));
}

TEST(Reconstruction, APartBeginsSomewhereInItsFirstChunk) {
  const auto got = of(3 * kXorbData, {.offset = kXorbData - 1, .length = 2}, Format::kV2);
  EXPECT_EQ(got.at("offset_into_first_range"), kChunkSize - 1);
  ASSERT_EQ(got.at("terms").size(), 2U);
  EXPECT_EQ(got["terms"][0]["range"], Json({{"start", 99}, {"end", 100}}));
  EXPECT_EQ(got["terms"][1]["hash"], "hash1");
  EXPECT_EQ(got["xorbs"]["hash1"][0]["ranges"][0]["bytes"],
            Json({{"start", 0}, {"end", kChunkSize + 7}}));
}

}  // namespace
}  // namespace hubcache::xet
