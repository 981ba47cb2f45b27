#include "http/input_buffer.h"

#include <cstring>
#include <string_view>

#include <gtest/gtest.h>

namespace hubcache::http {
namespace {

constexpr std::size_t kMuch = 64 * 1024;
constexpr std::size_t kLittle = 4 * 1024;

void add(InputBuffer& buffer, std::string_view bytes, std::size_t room) {
  std::memcpy(buffer.room(room).data(), bytes.data(), bytes.size());
  buffer.added(bytes.size());
}

TEST(InputBufferTest, WhatIsTooMuchIsGivenBackAndTheBytesStay) {
  InputBuffer buffer;
  add(buffer, "abc", kMuch);
  buffer.consume(1);
  buffer.shrink(kLittle);
  EXPECT_EQ(buffer.view(), "bc");
  EXPECT_LE(buffer.room(1).size(), kLittle);
  EXPECT_EQ(buffer.view(), "bc");
}

TEST(InputBufferTest, WhatIsNotTooMuchStays) {
  InputBuffer buffer;
  add(buffer, "abc", kLittle);
  buffer.shrink(kLittle);
  EXPECT_EQ(buffer.room(1).size(), kLittle - 3);
  const std::string_view bytes = buffer.view();
  buffer.shrink(2);
  EXPECT_EQ(buffer.view(), bytes) << "more bytes than may be there";
}

TEST(InputBufferTest, AllIsGivenBackOfAnEmptyOne) {
  InputBuffer buffer;
  add(buffer, "abc", kMuch);
  buffer.consume(3);
  buffer.shrink();
  EXPECT_EQ(buffer.room(1).size(), 1U);
}

}  // namespace
}  // namespace hubcache::http
