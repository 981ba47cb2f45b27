#include <cerrno>
#include <string>
#include <utility>

#include <archive.h>
#include <archive_entry.h>

#include "hubcache/base/error.h"
#include "hubcache/mirror/export_target.h"

#include "hashed_copy.h"

namespace hubcache::mirror {
namespace {

struct FreeArchive {
  void operator()(archive* stream) const noexcept { archive_write_free(stream); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};

class StreamTarget final : public ExportTarget {
 public:
  explicit StreamTarget(int fd) : stream_(archive_write_new()) {
    archive_write_set_format_pax_restricted(stream_.get());
    archive_write_add_filter_none(stream_.get());
    require(archive_write_open_fd(stream_.get(), fd));
  }

  bool index_first() const override { return true; }

  void put(const std::string& name, const std::string& text) override {
    begin(name, text.size());
    write(std::as_bytes(std::span(text)));
  }

  void put_blob(const Digest& digest, std::uint64_t size, const ReadBytes& read) override {
    begin(blob_name(digest), size);
    copy_hashed(digest, size, read, [this](std::span<const std::byte> bytes) { write(bytes); });
  }

  void finish() override { require(archive_write_close(stream_.get())); }

 private:
  void require(int result) {
    if (result == ARCHIVE_OK) return;
    const auto code = archive_errno(stream_.get());
    throw Error::from_errno(code > 0 ? code : EIO, "writing of the stream");
  }

  void begin(const std::string& name, std::uint64_t size) {
    constexpr mode_t kMode = 0644;
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), kMode);
    require(archive_write_header(stream_.get(), entry.get()));
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto count = archive_write_data(stream_.get(), bytes.data(), bytes.size());
      if (count <= 0) require(ARCHIVE_FATAL);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  std::unique_ptr<archive, FreeArchive> stream_;
};

}  // namespace

std::unique_ptr<ExportTarget> make_stream_target(int fd) {
  return std::make_unique<StreamTarget>(fd);
}

}  // namespace hubcache::mirror
