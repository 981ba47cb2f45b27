#include "hubsim/blob.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace hubsim {
namespace {

constexpr std::uint64_t kInMemory = 1024 * 1024;
constexpr std::uint64_t kPiece = 4 * 1024 * 1024;

// One round of splitmix64: word `index` of the stream `seed`, without those before it.
std::uint64_t word(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0xd1342543de82ef95ULL + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

hubcache::Fd nameless_file() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = folder != nullptr && *folder != '\0' ? folder : "/tmp";
  hubcache::Fd file(::open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  path += "/hubsim-XXXXXX";
  file = hubcache::Fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) fail("open a temporary file");
  ::unlink(path.c_str());
  return file;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0) fail("write a temporary file");
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

void number_blocks(int fd, std::uint64_t size) {
  constexpr std::uint64_t kBlock = 1024 * 1024;
  for (std::uint64_t at = 0; at + sizeof at <= size; at += kBlock) {
    const std::uint64_t number = at / kBlock + 1;
    if (::pwrite(fd, &number, sizeof number, static_cast<off_t>(at)) < 0) fail("number a block");
  }
}

}  // namespace

std::string generated_bytes(std::uint64_t seed, std::uint64_t offset, std::uint64_t length) {
  std::string bytes;
  const std::uint64_t first = offset / 8;
  const std::uint64_t last = (offset + length + 7) / 8;
  bytes.resize((last - first) * 8);
  for (std::uint64_t i = first; i < last; ++i) {
    const std::uint64_t value = word(seed, i);
    std::memcpy(bytes.data() + (i - first) * 8, &value, 8);
  }
  if (offset % 8 == 0) {
    bytes.resize(length);
    return bytes;
  }
  return bytes.substr(offset % 8, length);
}

std::shared_ptr<const Blob> Blob::make(const Content& content) {
  auto blob = std::make_shared<Blob>();
  if (const auto* text = std::get_if<std::string>(&content.what())) {
    blob->size_ = text->size();
    blob->memory_ = *text;
  } else if (const auto* generated = std::get_if<Content::Generated>(&content.what())) {
    blob->size_ = generated->size;
    if (blob->size_ <= kInMemory) {
      blob->memory_ = generated_bytes(generated->seed, 0, blob->size_);
      return blob;
    }
    blob->file_ = nameless_file();
    for (std::uint64_t at = 0; at < blob->size_; at += kPiece) {
      const auto length = std::min(kPiece, blob->size_ - at);
      write_all(blob->file_.get(), generated_bytes(generated->seed, at, length));
    }
  } else {
    const auto& sparse = std::get<Content::Sparse>(content.what());
    blob->size_ = sparse.size;
    blob->file_ = nameless_file();
    if (::ftruncate(blob->file_.get(), static_cast<off_t>(blob->size_)) != 0) fail("ftruncate");
    if (sparse.numbered) number_blocks(blob->file_.get(), blob->size_);
  }
  return blob;
}

std::string Blob::bytes(std::uint64_t offset, std::uint64_t length) const {
  if (offset >= size_) return {};
  length = std::min(length, size_ - offset);
  if (!file_) return memory_.substr(offset, length);
  std::string bytes(length, '\0');
  std::uint64_t have = 0;
  while (have < length) {
    const auto done =
        ::pread(file_.get(), bytes.data() + have, length - have, static_cast<off_t>(offset + have));
    if (done <= 0) fail("read a temporary file");
    have += static_cast<std::uint64_t>(done);
  }
  return bytes;
}

bool Blob::is_text() const {
  return !file_ && std::none_of(memory_.begin(), memory_.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x09 || c == '\x7f';
  });
}

std::string Blob::digest(hubcache::Digest::Algorithm algorithm) const {
  hubcache::Hasher hasher(algorithm, size_);
  if (!file_) {
    hasher.update(std::as_bytes(std::span(memory_)));
  } else {
    for (std::uint64_t at = 0; at < size_; at += kPiece) {
      const auto piece = bytes(at, kPiece);
      hasher.update(std::as_bytes(std::span(piece)));
    }
  }
  return hasher.finish().hex();
}

std::string Blob::sha256() const { return digest(hubcache::Digest::Algorithm::kSha256); }
std::string Blob::git_sha1() const { return digest(hubcache::Digest::Algorithm::kGitSha1); }

}  // namespace hubsim
