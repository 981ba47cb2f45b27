#include "hubcache/base/base64.h"

#include <string>

#include <gtest/gtest.h>

namespace hubcache {
namespace {

TEST(Base64, TheVectorsOfRfc4648) {
  const std::string plain = "foobar";
  const char* const encoded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t size = 0; size <= plain.size(); ++size) {
    const auto text = plain.substr(0, size);
    EXPECT_EQ(base64_encode(text), encoded[size]);
    if (size > 0) EXPECT_EQ(base64_decode(encoded[size]), text);
  }
}

TEST(Base64, BytesOfAnyKindComeBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
}

TEST(Base64, AnythingElseIsNone) {
  for (const auto* text : {"", "Zg", "Zg=", "Z===", "====", "Z=g=", "Zg==Zg==", "Zm9_", "Zm9 "}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hubcache
