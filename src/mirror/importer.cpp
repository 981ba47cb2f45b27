#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "hubcache/base/base64.h"
#include "hubcache/base/error.h"
#include "hubcache/mirror/carry.h"

#include "described.h"
#include "hashed_copy.h"

namespace hubcache::mirror {
namespace {

using nlohmann::json;

constexpr std::size_t kFilesAtOnce = 500;
constexpr std::size_t kMostTextAtOnce = std::size_t{256} << 10;
constexpr std::size_t kBytesAtOnce = std::size_t{512} << 10;
constexpr std::size_t kMostNamed = 5;

void ignore_bytes(std::span<const std::byte> /*bytes*/) {}

/// What of the descriptions is proven, and what is still to be.
class Ledger {
 public:
  explicit Ledger(std::vector<Description> commits) : commits_(std::move(commits)) {}

  std::vector<Description>& commits() { return commits_; }

  /// A commit whose file has another size elsewhere, or that is empty and should not be, is
  /// complained of by the blob itself: bytes have one size.
  std::map<Digest, std::uint64_t> wanted() const {
    std::map<Digest, std::uint64_t> blobs;
    for (const auto& commit : commits_) {
      for (const auto& file : commit.files) {
        if (is_needed(file) && !is_proven(commit, file)) blobs.insert({file.digest, file.size});
      }
    }
    return blobs;
  }

  void proven(const Digest& digest, std::uint64_t size) { sizes_[digest] = size; }
  void proven_for(const Description& commit, const Digest& digest) {
    of_repos_[commit.repo].insert(digest);
  }

  bool is_lacking(const Description& commit, const BundleFile& file) const {
    return !file.left_out && !is_proven(commit, file);
  }

  /// Files that are not proven.
  std::vector<std::string> lacking(const Description& commit) const {
    std::vector<std::string> paths;
    for (const auto& file : commit.files) {
      if (is_lacking(commit, file)) paths.push_back(file.path);
    }
    return paths;
  }

 private:
  static bool is_needed(const BundleFile& file) { return !file.left_out && file.size > 0; }

  bool is_proven(const Description& commit, const BundleFile& file) const {
    if (file.size == 0) {
      Hasher nothing(file.digest.algorithm(), 0);
      return nothing.finish() == file.digest;
    }
    const auto size = sizes_.find(file.digest);
    if (size != sizes_.end()) return size->second == file.size;
    const auto repo = of_repos_.find(commit.repo);
    return repo != of_repos_.end() && repo->second.contains(file.digest);
  }

  std::vector<Description> commits_;
  std::map<Digest, std::uint64_t> sizes_;  // of what was hashed in this run
  std::map<hub::RepoId, std::set<Digest>> of_repos_;
};

/// Text of files of a commit, so much at a time that a command carries it.
template <typename Each>
void each_page(const std::vector<BundleFile>& files, const Each& each) {
  auto page = json::array();
  std::size_t length = 0;
  for (const auto& file : files) {
    auto text = to_text(file);
    length += text.size();
    page.push_back(std::move(text));
    if (page.size() < kFilesAtOnce && length < kMostTextAtOnce) continue;
    each(std::exchange(page, json::array()));
    length = 0;
  }
  if (!page.empty()) each(std::move(page));
}

/// A blob of an earlier run is not read again where that run had it for the very repo.
void learn_proven(Ledger& ledger, const Order& order, const ImportWishes& wishes) {
  for (const auto& commit : ledger.commits()) {
    each_page(commit.files, [&](json page) {
      const auto answer = order({{"do", "import.proven"},
                                 {"remote", wishes.remote},
                                 {"repo", commit.repo.key()},
                                 {"files", page}});
      const auto& known = answer.at("proven");
      for (std::size_t i = 0; i < page.size() && i < known.size(); ++i) {
        if (!known[i].get<bool>()) continue;
        ledger.proven_for(commit, parse_file(page[i].get_ref<const std::string&>()).digest);
      }
    });
  }
}

void send_blob(const Order& order, const Digest& digest, std::uint64_t size,
               const ReadBytes& read) {
  const auto begun =
      order({{"do", "import.blob.begin"}, {"digest", digest.text()}, {"size", size}});
  if (begun.at("stored").get<bool>()) {
    copy_hashed(digest, size, read, ignore_bytes);
    return;
  }
  const auto have = begun.at("have").get<std::uint64_t>();
  std::vector<std::byte> piece(kBytesAtOnce);
  std::uint64_t offset = 0;
  while (const auto count = read(piece)) {
    if (offset + count > size) break;
    if (offset + count > have) {
      const std::string_view bytes(reinterpret_cast<const char*>(piece.data()), count);
      order({{"do", "import.blob.write"},
             {"digest", digest.text()},
             {"offset", offset},
             {"bytes", base64_encode(bytes)}});
    }
    offset += count;
  }
  order({{"do", "import.blob.end"}, {"digest", digest.text()}});
}

template <typename Take>
void take_blobs(Ledger& ledger, ImportSource& source, const Complain& complain,
                const Progress& progress, Carried& carried, const Take& take) {
  const auto wanted = ledger.wanted();
  carried.all_blobs = wanted.size();
  for (const auto& [digest, size] : wanted) carried.all_bytes += size;
  progress(carried);
  source.blobs(
      wanted,
      [&](const Digest& digest, std::uint64_t size, const ReadBytes& read) {
        take(digest, size, read);
        ledger.proven(digest, size);
        ++carried.blobs;
        carried.bytes += size;
        progress(carried);
      },
      complain);
}

std::string told_lacking(const std::vector<std::string>& paths, std::size_t all) {
  std::string told = std::to_string(paths.size()) + " of " + std::to_string(all) +
                     " files are missing or not right:";
  for (std::size_t i = 0; i < paths.size() && i < kMostNamed; ++i) {
    told += (i == 0 ? " " : ", ") + printable(paths[i]);
  }
  return paths.size() > kMostNamed ? told + ", ..." : told;
}

/// Nothing of a commit is known before all of it is right.
template <typename Keep>
void keep_commits(Ledger& ledger, Imports& imports, const Complain& complain, const Keep& keep) {
  for (auto& commit : ledger.commits()) {
    with_complaint(complain, name_of(commit), [&] {
      const auto lacking = ledger.lacking(commit);
      // A folder of snapshots may hold anything: what is right of it is taken.
      if (!commit.whole) {
        std::erase_if(commit.files,
                      [&](const BundleFile& file) { return ledger.is_lacking(commit, file); });
      }
      if (commit.whole && !lacking.empty()) {
        throw Error(Error::Kind::kCorrupt, told_lacking(lacking, commit.files.size()));
      }
      if (commit.files.empty() && !lacking.empty()) {
        throw Error(Error::Kind::kCorrupt, told_lacking(lacking, lacking.size()));
      }
      const bool readable = keep(commit);
      commit.files.clear();
      imports.commits.push_back({.description = std::move(commit), .readable = readable});
    });
  }
}

}  // namespace

Imports import_all(ImportSource& source, const Order& order, const ImportWishes& wishes,
                   const Complain& complain, const Progress& progress) {
  Imports imports;
  Ledger ledger(source.descriptions(complain));
  learn_proven(ledger, order, wishes);
  take_blobs(ledger, source, complain, progress, imports.carried,
             [&order](const Digest& digest, std::uint64_t size, const ReadBytes& read) {
               send_blob(order, digest, size, read);
             });
  keep_commits(ledger, imports, complain, [&](const Description& commit) {
    each_page(commit.files, [&](json page) {
      order({{"do", "import.files"},
             {"remote", wishes.remote},
             {"repo", commit.repo.key()},
             {"commit", commit.commit},
             {"replace", wishes.replace},
             {"files", std::move(page)}});
    });
    auto rest = commit;
    rest.files.clear();
    const auto answer = order({{"do", "import.commit"},
                               {"remote", wishes.remote},
                               {"local_access", wishes.local_access},
                               {"description", to_text(rest)}});
    return answer.at("readable").get<bool>();
  });
  return imports;
}

Imports check_all(ImportSource& source, const Complain& complain, const Progress& progress) {
  Imports imports;
  Ledger ledger(source.descriptions(complain));
  take_blobs(ledger, source, complain, progress, imports.carried,
             [](const Digest& digest, std::uint64_t size, const ReadBytes& read) {
               copy_hashed(digest, size, read, ignore_bytes);
             });
  keep_commits(ledger, imports, complain, [](const Description& /*commit*/) { return false; });
  return imports;
}

}  // namespace hubcache::mirror
