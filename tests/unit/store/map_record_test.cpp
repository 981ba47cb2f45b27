#include "store/map_record.h"

#include <gmock/gmock.h>

namespace hubcache::store {
namespace {

using ::testing::ElementsAre;

const Digest kDigest = *Digest::from_etag(std::string(64, 'a'));
constexpr std::uint64_t kSize = 1'000'000'000;
constexpr MapRecord kRecord{.first = 7, .count = 300};

TEST(MapRecordTest, ReadsWhatItWrote) {
  EXPECT_EQ(MapRecord::decode(kRecord.encode(kDigest, kSize), kDigest, kSize), kRecord);
}

TEST(MapRecordTest, ARecordWithOneChangedByteIsNotRead) {
  for (std::size_t i = 0; i < MapRecord::kSize; ++i) {
    auto bytes = kRecord.encode(kDigest, kSize);
    bytes[i] ^= std::byte{1};
    EXPECT_EQ(MapRecord::decode(bytes, kDigest, kSize), std::nullopt) << i;
  }
}

TEST(MapRecordTest, ARecordOfAnotherBlobIsNotRead) {
  const auto other = *Digest::from_etag(std::string(64, 'b'));
  const auto bytes = kRecord.encode(kDigest, kSize);
  EXPECT_EQ(MapRecord::decode(bytes, other, kSize), std::nullopt);
  EXPECT_EQ(MapRecord::decode(bytes, kDigest, kSize + 1), std::nullopt);
}

TEST(MapRecordTest, NeighboursShareARecord) {
  EXPECT_THAT(records_of({5, 3, 4, 9, 0}),
              ElementsAre(MapRecord{.first = 0, .count = 1}, MapRecord{.first = 3, .count = 3},
                          MapRecord{.first = 9, .count = 1}));
}

}  // namespace
}  // namespace hubcache::store
