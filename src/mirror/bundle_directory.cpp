#include <optional>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/mirror/import_source.h"

#include "careful_files.h"
#include "described.h"

namespace hubcache::mirror {
namespace {

class DirectorySource final : public ImportSource {
 public:
  explicit DirectorySource(const std::filesystem::path& directory)
      : root_(open_root(directory.string())) {}

  std::vector<Description> descriptions(const Complain& complain) override {
    const auto text = read_plain(root_, kIndexName, kLargestIndex);
    if (!text) {
      throw Error(Error::Kind::kBadRequest,
                  "there is no " + std::string(kIndexName) +
                      ": it is no export, or one that did not come to its end");
    }
    std::vector<Description> all;
    for (const auto& item : parse_index(*text).items) {
      with_complaint(complain, described(item), [&] {
        const auto name = description_name(item.description);
        const auto description = read_plain(root_, name, kLargestDescription);
        if (!description) throw Error(Error::Kind::kNotFound, name + " is missing");
        all.push_back(parse_described(item, *description));
      });
    }
    return all;
  }

  void blobs(const std::map<Digest, std::uint64_t>& wanted, const Take& take,
             const Complain& complain) override {
    for (const auto& [digest, size] : wanted) {
      with_complaint(complain, digest.text(), [&] {
        const auto file = open_plain(root_, blob_name(digest));
        if (!file) throw Error(Error::Kind::kNotFound, "it is missing");
        if (file->size != size) throw Error(Error::Kind::kCorrupt, "it has another size");
        take(digest, size, reader_of(*file));
      });
    }
  }

 private:
  Fd root_;
};

}  // namespace

std::unique_ptr<ImportSource> open_directory(const std::filesystem::path& directory) {
  return std::make_unique<DirectorySource>(directory);
}

}  // namespace hubcache::mirror
