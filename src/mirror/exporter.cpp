#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"
#include "hubcache/mirror/carry.h"

#include "careful_files.h"

namespace hubcache::mirror {
namespace {

using Wanted = std::map<Digest, std::uint64_t>;

Wanted blobs_of(const std::vector<Description>& commits) {
  Wanted wanted;
  for (const auto& commit : commits) {
    for (const auto& file : commit.files) {
      if (!file.left_out && file.size > 0) wanted[file.digest] = file.size;
    }
  }
  return wanted;
}

bool needs_any(const Description& commit, const std::set<Digest>& lacking) {
  return std::ranges::any_of(commit.files, [&lacking](const BundleFile& file) {
    return !file.left_out && lacking.contains(file.digest);
  });
}

void put_descriptions(const std::vector<Description>& commits, ExportTarget& target, Index index) {
  std::map<std::string, std::string> texts;
  for (const auto& commit : commits) {
    auto text = to_text(commit);
    const auto digest = sha256_of(text);
    std::erase_if(index.items, [&commit](const Index::Item& item) {
      return item.repo == commit.repo && item.commit == commit.commit;
    });
    index.items.push_back(
        {.repo = commit.repo, .commit = commit.commit, .description = digest, .size = text.size()});
    texts.insert({description_name(digest), std::move(text)});
  }
  if (target.index_first()) target.put(std::string(kIndexName), to_text(index));
  for (const auto& [name, text] : texts) target.put(name, text);
  if (target.index_first()) return;
  target.finish();
  target.put(std::string(kIndexName), to_text(index));
}

/// The blobs that could not be written.
std::set<Digest> put_blobs(const Wanted& wanted, const OpenStored& open, ExportTarget& target,
                           const Complain& complain, const Progress& progress) {
  std::set<Digest> lacking;
  Carried carried{.all_blobs = wanted.size()};
  for (const auto& [digest, size] : wanted) carried.all_bytes += size;
  for (const auto& [digest, size] : wanted) {
    progress(carried);
    std::optional<std::string> trouble;
    if (!target.has(digest, size)) {
      const auto read = open(digest, size);
      if (!read) {
        trouble = "it is not stored any more";
      } else {
        try {
          target.put_blob(digest, size, *read);
        } catch (const Error& error) {
          if (error.kind() != Error::Kind::kCorrupt) throw;
          trouble = std::string(error.what()) + ": run `hubcache verify`";
        }
      }
    }
    if (trouble) {
      complain(digest.text() + ": " + *trouble);
      lacking.insert(digest);
    }
    ++carried.blobs;
    carried.bytes += size;
  }
  progress(carried);
  return lacking;
}

}  // namespace

OpenStored stored_in(const std::filesystem::path& data_dir) {
  const auto root = std::make_shared<Fd>(open_root(data_dir.string()));
  return [root](const Digest& digest, std::uint64_t size) -> std::optional<ReadBytes> {
    auto file = open_plain(*root, blob_name(digest));
    if (!file || file->size != size) return std::nullopt;
    const auto kept = std::make_shared<PlainFile>(*std::move(file));
    return [kept, read = reader_of(*kept)](std::span<std::byte> into) { return read(into); };
  };
}

std::vector<Description> export_commits(std::vector<Description> commits, const OpenStored& open,
                                        ExportTarget& target, const Complain& complain,
                                        const Progress& progress) {
  const auto wanted = blobs_of(commits);
  if (target.index_first()) put_descriptions(commits, target, {});
  const auto lacking = put_blobs(wanted, open, target, complain, progress);
  std::erase_if(commits, [&](const Description& commit) {
    if (!needs_any(commit, lacking)) return false;
    complain(name_of(commit) + ": it is not exported, for blobs of it are missing");
    return true;
  });
  if (!target.index_first()) put_descriptions(commits, target, target.before());
  target.finish();
  return commits;
}

}  // namespace hubcache::mirror
