#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <archive.h>
#include <archive_entry.h>

#include "hubcache/base/error.h"
#include "hubcache/mirror/import_source.h"

#include "described.h"

namespace hubcache::mirror {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;

struct CloseArchive {
  void operator()(archive* stream) const noexcept { archive_read_free(stream); }
};

/// One file of the stream.
struct Member {
  std::string name;
  std::uint64_t size = 0;
};

/// The export as tar: index, descriptions, blobs, in this order. Each is read once.
class StreamSource final : public ImportSource {
 public:
  explicit StreamSource(int fd) : stream_(archive_read_new()) {
    // tar, and no packing: a small stream stays a small stream.
    archive_read_support_format_tar(stream_.get());
    if (archive_read_open_fd(stream_.get(), fd, kPiece) != ARCHIVE_OK) fail();
  }

  std::vector<Description> descriptions(const Complain& complain) override {
    auto member = next(complain);
    if (!member || member->name != kIndexName) {
      throw Error(
          Error::Kind::kBadRequest,
          "it is no stream of `hubcache export`: that begins with " + std::string(kIndexName));
    }
    const auto index = parse_index(text_of(*member, kLargestIndex));
    std::map<std::string, Index::Item> left;
    for (const auto& item : index.items) left.insert({description_name(item.description), item});
    std::vector<Description> all;
    while ((member = next(complain)) && description_named(member->name)) {
      const auto found = left.find(member->name);
      if (found == left.end()) {
        complain(printable(member->name) + ": the index does not name it");
        continue;
      }
      const auto item = found->second;
      left.erase(found);
      with_complaint(complain, described(item), [&] {
        all.push_back(parse_described(item, text_of(*member, kLargestDescription)));
      });
    }
    first_blob_ = std::move(member);
    for (const auto& [name, item] : left) {
      complain(described(item) + ": " + name + " is missing");
    }
    return all;
  }

  void blobs(const std::map<Digest, std::uint64_t>& wanted, const Take& take,
             const Complain& complain) override {
    std::set<Digest> seen;
    for (auto member = std::exchange(first_blob_, std::nullopt); member; member = next(complain)) {
      const auto digest = blob_named(member->name);
      if (!digest) {
        complain(printable(member->name) + ": no export has a file of that name here");
        continue;
      }
      const auto found = wanted.find(*digest);
      if (found == wanted.end()) continue;  // it is here already, or of a repo that was refused
      with_complaint(complain, digest->text(), [&] {
        if (!seen.insert(*digest).second) throw Error(Error::Kind::kBadRequest, "it comes twice");
        if (member->size != found->second) {
          throw Error(Error::Kind::kCorrupt, "it has another size");
        }
        take(*digest, member->size, [this](std::span<std::byte> into) { return read(into); });
      });
    }
    for (const auto& [digest, size] : wanted) {
      if (!seen.contains(digest)) complain(digest.text() + ": it is missing");
    }
  }

 private:
  [[noreturn]] void fail() {
    const auto* const why = archive_error_string(stream_.get());
    throw Error(Error::Kind::kCorrupt,
                "the stream cannot be read on: " + printable(why == nullptr ? "" : why));
  }

  /// The next plain file; nullopt at the end, also at one that comes too soon.
  std::optional<Member> next(const Complain& complain) {
    while (!ended_) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(stream_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
        with_complaint(complain, "the rest", [this] { fail(); });
        break;
      }
      const auto* const name = archive_entry_pathname(entry);
      const auto size = archive_entry_size(entry);
      const bool plain = archive_entry_filetype(entry) == AE_IFREG &&
                         archive_entry_hardlink(entry) == nullptr &&
                         archive_entry_symlink(entry) == nullptr &&
                         archive_entry_sparse_count(entry) == 0 && size >= 0;
      if (name != nullptr && plain) {
        return Member{.name = name, .size = static_cast<std::uint64_t>(size)};
      }
      complain(printable(name == nullptr ? "" : name) +
               ": it is no plain file; links and all else are refused");
    }
    ended_ = true;
    return std::nullopt;
  }

  std::size_t read(std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto count = archive_read_data(stream_.get(), into.data() + done, into.size() - done);
      if (count < 0) {
        ended_ = true;
        fail();
      }
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  std::string text_of(const Member& member, std::size_t most) {
    if (member.size > most) {
      throw Error(Error::Kind::kBadRequest, printable(member.name) + " is too large");
    }
    std::string text(member.size, '\0');
    text.resize(read(std::as_writable_bytes(std::span(text))));
    return text;
  }

  std::unique_ptr<archive, CloseArchive> stream_;
  std::optional<Member> first_blob_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ImportSource> open_stream(int fd) { return std::make_unique<StreamSource>(fd); }

}  // namespace hubcache::mirror
