#include "hubcache/xet/xorb_body.h"

#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/run.h"

namespace hubcache::xet {
namespace {

std::string some_bytes(std::uint64_t count) {
  std::string bytes(count, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1) >> 24);
  return bytes;
}

/// Hands its text out in pieces of that size.
class Pieces final : public http::SpanSource {
 public:
  Pieces(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
  std::optional<std::uint64_t> size() const override { return text_.size(); }
  Task<http::Span> next() override {
    const auto part = std::string_view(text_).substr(at_, piece_);
    at_ += part.size();
    co_return std::as_bytes(std::span(part));
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

Task<std::string> read_all(http::SpanSource& body) {
  std::string all;
  while (true) {
    const auto span = co_await body.next();
    if (http::length_of(span) == 0) co_return all;
    if (const auto* file = std::get_if<http::FileSpan>(&span)) {
      std::string part(file->length, '\0');
      const auto count =
          ::pread(file->file->get(), part.data(), part.size(), static_cast<off_t>(file->offset));
      if (count != static_cast<ssize_t>(part.size())) throw std::runtime_error("a short read");
      all += part;
    } else {
      const auto bytes = std::get<std::span<const std::byte>>(span);
      all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
}

class XorbBodyTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSize = 102 * kChunkSize + 77;

  /// As a client sees the xorb in whole.
  std::string packed(std::uint64_t xorb) const {
    std::string all;
    const auto begin = xorb * kChunksPerXorb * kChunkSize;
    const auto end = std::min(begin + kChunksPerXorb * kChunkSize, kSize);
    for (auto at = begin; at < end; at += kChunkSize) {
      const auto chunk = bytes_.substr(at, std::min(kChunkSize, end - at));
      (all += chunk_header(chunk.size())) += chunk;
    }
    return all;
  }
  std::string read(std::uint64_t xorb, http::ByteRange range, std::size_t piece) {
    const auto data = Layout::data_of(xorb, range);
    auto pieces = std::make_unique<Pieces>(bytes_.substr(data.offset, data.length), piece);
    XorbBody body(layout_, xorb, range, std::move(pieces));
    EXPECT_EQ(body.size(), range.length);
    return runner_.run(read_all(body));
  }

  const std::string bytes_ = some_bytes(kSize);
  const Layout layout_{kSize};
  hubcache::test::Runner runner_{1};
};

TEST_F(XorbBodyTest, HeadersStandBetweenTheChunksHoweverTheBytesCome) {
  for (const std::size_t piece : {1'000UL, 64UL * 1024, 128UL * 1024, 1'000'003UL}) {
    for (const std::uint64_t xorb : {0U, 1U}) {
      const http::ByteRange whole{.offset = 0, .length = layout_.packed_size(xorb)};
      EXPECT_EQ(read(xorb, whole, piece), packed(xorb)) << piece << " " << xorb;
    }
  }
}

TEST_F(XorbBodyTest, AnyRangeIsThatPartOfTheWhole) {
  const auto whole = packed(1);
  const auto record = kChunkSize + kHeaderSize;
  const std::vector<std::uint64_t> places{
      0,           3,          8,          9,          record - 1,
      record,      record + 5, record + 8, record * 2, whole.size() - 1,
      whole.size()};
  for (const auto begin : places) {
    for (const auto end : places) {
      if (begin >= end) continue;
      EXPECT_EQ(read(1, {.offset = begin, .length = end - begin}, 10'000),
                whole.substr(begin, end - begin))
          << begin << " " << end;
    }
  }
}

TEST_F(XorbBodyTest, AStoredFileIsSentFromTheFile) {
  hubcache::test::TempDir dir;
  const auto path = dir.path() / "blob";
  const Fd written(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_EQ(::write(written.get(), bytes_.data(), bytes_.size()),
            static_cast<ssize_t>(bytes_.size()));
  const auto file = std::make_shared<const Fd>(::open(path.c_str(), O_RDONLY));
  const http::ByteRange range{.offset = 5, .length = layout_.packed_size(1) - 6};
  const auto data = Layout::data_of(1, range);
  XorbBody body(layout_, 1, range,
                http::FileSpan{.file = file, .offset = data.offset, .length = data.length});
  EXPECT_EQ(runner_.run(read_all(body)), packed(1).substr(5, range.length));
}

TEST_F(XorbBodyTest, AnEndThatComesTooSoonIsAnEnd) {
  auto pieces = std::make_unique<Pieces>(bytes_.substr(0, 10), 100);
  XorbBody body(layout_, 0, {.offset = 0, .length = 1'000}, std::move(pieces));
  EXPECT_EQ(runner_.run(read_all(body)).size(), 18U);
}

}  // namespace
}  // namespace hubcache::xet
