#include "hubcache/content/proof.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "hubcache/base/digest.h"

namespace hubcache::content {
namespace {

constexpr std::uint64_t kSampleSize = 64UL * 1024;
constexpr int kSamples = 4;
constexpr std::uint64_t kWholeBelow = kSampleSize * kSamples;

std::uint64_t random_below(std::uint64_t limit) {
  std::uint64_t value = 0;
  const std::string bytes = random_bytes(sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value % limit;
}

std::vector<http::ByteRange> places(std::uint64_t size) {
  if (size <= kWholeBelow) return {{.offset = 0, .length = size}};
  std::vector<http::ByteRange> ranges;
  ranges.reserve(kSamples);
  for (int i = 0; i < kSamples; ++i) {
    ranges.push_back({.offset = random_below(size - kSampleSize + 1), .length = kSampleSize});
  }
  return ranges;
}

Task<std::string> upstream_bytes(fill::Source& source, http::ByteRange range) {
  auto stream = co_await source.open(range.offset, range.length);
  std::string bytes;
  std::uint64_t skip = range.offset - stream->offset();
  std::vector<char> buffer(kSampleSize);
  while (bytes.size() < range.length) {
    const std::size_t count = co_await stream->read(asio::buffer(buffer));
    if (count == 0) break;
    const std::size_t skipped = std::min<std::uint64_t>(skip, count);
    skip -= skipped;
    bytes.append(buffer.data() + skipped, count - skipped);
  }
  bytes.resize(std::min<std::size_t>(bytes.size(), range.length));
  co_return bytes;
}

}  // namespace

Task<bool> delivers_same_bytes(hub::Hub& hub, UpstreamFile file, Sample ours) {
  const auto source = make_source(hub, file);
  for (const auto range : places(file.size)) {
    const auto theirs = co_await upstream_bytes(*source, range);
    const auto mine = co_await ours(range);
    if (theirs != mine) co_return false;
  }
  co_return true;
}

Sample bytes_of(const store::Store& store, const store::Blob& blob) {
  return [&store, file = blob.file](http::ByteRange range) {
    return store.read(file, range.offset, range.length);
  };
}

Task<std::string> read_through_fill(fill::Fills& fills, const store::Store& store,
                                    fill::Wish wish) {
  auto joined = co_await fills.join(std::move(wish));
  std::string bytes;
  while (true) {
    const auto span = co_await joined.body->next();
    if (http::length_of(span) == 0) break;
    if (const auto* part = std::get_if<http::FileSpan>(&span)) {
      bytes += co_await store.read(part->file, part->offset, part->length);
    } else {
      const auto memory = std::get<std::span<const std::byte>>(span);
      bytes.append(reinterpret_cast<const char*>(memory.data()), memory.size());
    }
  }
  co_return bytes;
}

}  // namespace hubcache::content
