#include "hubcache/xet/layout.h"

#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace hubcache::xet {
namespace {

std::vector<Term> terms(const Layout& layout, http::ByteRange range) {
  std::vector<Term> all;
  for (std::uint64_t xorb = 0; xorb < layout.xorb_count(); ++xorb) {
    if (const auto term = layout.term(range, xorb)) all.push_back(*term);
  }
  return all;
}

TEST(Layout, AFileIsCutIntoChunksBehindHeadersAndXorbsOfAHundred) {
  // The file of contract/xet.md, "Wire example": 161 chunks, the last one short.
  const Layout layout(20'971'736);
  EXPECT_EQ(layout.xorb_count(), 2U);
  EXPECT_EQ(layout.packed_size(0), 100 * (kChunkSize + 8));
  EXPECT_EQ(layout.packed_size(1), 20'971'736 - kXorbData + 61 * 8);
  EXPECT_EQ(layout.packed_size(2), 0U);
  EXPECT_EQ(Layout(0).xorb_count(), 0U);
  EXPECT_EQ(Layout(kXorbData).xorb_count(), 1U);
  EXPECT_EQ(Layout(kXorbData + 1).packed_size(1), 9U);
}

TEST(Layout, TheWholeFileIsEveryChunkOfEveryXorb) {
  const Layout layout(kXorbData + 3 * kChunkSize + 5);
  const auto all = terms(layout, {.offset = 0, .length = layout.file_size()});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], (Term{.xorb = 0,
                          .first_chunk = 0,
                          .end_chunk = 100,
                          .unpacked = kXorbData,
                          .packed = {.offset = 0, .length = layout.packed_size(0)}}));
  EXPECT_EQ(all[1], (Term{.xorb = 1,
                          .first_chunk = 0,
                          .end_chunk = 4,
                          .unpacked = 3 * kChunkSize + 5,
                          .packed = {.offset = 0, .length = layout.packed_size(1)}}));
}

TEST(Layout, APartOfAFileIsTheWholeChunksThatHoldIt) {
  const Layout layout(300 * kChunkSize);
  const auto all = terms(layout, {.offset = 99 * kChunkSize + 7, .length = 2 * kChunkSize});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].first_chunk, 99U);
  EXPECT_EQ(all[0].end_chunk, 100U);
  EXPECT_EQ(all[0].packed.offset, 99 * (kChunkSize + 8));
  EXPECT_EQ(all[0].packed.length, kChunkSize + 8);
  EXPECT_EQ(all[1].xorb, 1U);
  EXPECT_EQ(all[1].end_chunk, 2U);
  EXPECT_EQ(all[1].unpacked, 2 * kChunkSize);
  EXPECT_TRUE(terms(layout, {.offset = 5, .length = 0}).empty());
}

TEST(Layout, NoXorbBesideARangeHasAPartOfIt) {
  const Layout layout(5 * kXorbData);
  const http::ByteRange third{.offset = 2 * kXorbData, .length = kXorbData};
  EXPECT_EQ(terms(layout, third).size(), 1U);
  EXPECT_TRUE(layout.term(third, 2));
  for (const auto xorb : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{5},
                          std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_FALSE(layout.term(third, xorb)) << xorb;
  }
}

TEST(Layout, ARangeOfAXorbIsThatDataWithoutTheHeaders) {
  const Layout layout(kXorbData + 3 * kChunkSize);
  const auto data = [](std::uint64_t xorb, std::uint64_t begin, std::uint64_t end) {
    return Layout::data_of(xorb, {.offset = begin, .length = end - begin});
  };
  const auto range = [](std::uint64_t begin, std::uint64_t end) {
    return http::ByteRange{.offset = begin, .length = end - begin};
  };
  EXPECT_EQ(data(0, 0, layout.packed_size(0)), range(0, kXorbData));
  EXPECT_EQ(data(1, 0, layout.packed_size(1)), range(kXorbData, layout.file_size()));
  EXPECT_EQ(data(0, 0, 8), range(0, 0));
  EXPECT_EQ(data(0, 3, 9), range(0, 1));
  EXPECT_EQ(data(0, 10, 12), range(2, 4));
  EXPECT_EQ(data(0, 8 + kChunkSize, 8 + kChunkSize + 8), range(kChunkSize, kChunkSize));
  EXPECT_EQ(data(0, 8 + kChunkSize + 7, 8 + kChunkSize + 9), range(kChunkSize, kChunkSize + 1));
}

TEST(Layout, AHeaderTellsTheLengthTwice) {
  EXPECT_EQ(chunk_header(kChunkSize), std::string("\0\0\0\2\0\0\0\2", 8));
  EXPECT_EQ(chunk_header(0x010203), std::string("\0\3\2\1\0\3\2\1", 8));
}

TEST(Layout, NamesOfXorbsDifferByFilePlaceAndGeneration) {
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  // printf %s "$(printf 'a%.0s' {1..64}):0:131072:100" | sha256sum
  EXPECT_EQ(xorb_hash(a, 0, 0), "d7c1d280073f11a9acb9d97bfe52cd3fd19cc3808f95b6f5ed877eecf9b681ee");
  const std::set<std::string> names{xorb_hash(a, 0, 0), xorb_hash(b, 0, 0), xorb_hash(a, 1, 0),
                                    xorb_hash(a, 0, 7), xorb_hash(a, 0, 8)};
  EXPECT_EQ(names.size(), 5U);
  for (const auto& name : names) EXPECT_TRUE(is_hash(name));
}

TEST(Layout, AHashIs64SmallHexadecimalDigits) {
  EXPECT_TRUE(is_hash(std::string(64, 'a')));
  EXPECT_FALSE(is_hash(std::string(64, '*')));
  EXPECT_FALSE(is_hash(std::string(64, 'A')));
  EXPECT_FALSE(is_hash(std::string(63, 'a')));
}

}  // namespace
}  // namespace hubcache::xet
