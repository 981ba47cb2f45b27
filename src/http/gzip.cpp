#include "gzip.h"

#include <algorithm>

#include <zlib.h>

#include "hubcache/base/error.h"

namespace hubcache::http {
namespace {

constexpr std::size_t kStep = 64 * 1024;
constexpr int kGzipOnly = 15 + 16;  // window bits, as zlib.h has it

class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) {
      throw Error(Error::Kind::kInternal, "internal error", std::string("inflateInit2"));
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

class Deflater {
 public:
  Deflater() {
    constexpr int kMemory = 8;  // zlib's own default
    if (deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kGzipOnly, kMemory, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      throw Error(Error::Kind::kInternal, "internal error", std::string("deflateInit2"));
    }
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

[[noreturn]] void refuse(const char* why) {
  throw Error(Error::Kind::kUpstream, "upstream sent a bad answer", std::string(why));
}

}  // namespace

std::string gzip(std::string_view plain) {
  Deflater deflater;
  z_stream& stream = deflater.stream();
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    throw Error(Error::Kind::kInternal, "internal error", std::string("deflate"));
  }
  out.resize(out.size() - stream.avail_out);
  out.shrink_to_fit();
  return out;
}

std::string gunzip(std::string_view packed, std::size_t limit) {
  Inflater inflater;
  z_stream& stream = inflater.stream();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int status = Z_OK;
  while (status == Z_OK) {
    const auto done = out.size();
    out.resize(done + kStep);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = static_cast<uInt>(kStep);
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(done + kStep - stream.avail_out);
    if (out.size() > limit) refuse("the unpacked body is too large");
  }
  if (status != Z_STREAM_END || stream.avail_in > 0) refuse("the gzip body is damaged");
  return out;
}

}  // namespace hubcache::http
