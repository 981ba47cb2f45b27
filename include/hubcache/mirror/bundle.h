#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/catalog/imported.h"
#include "hubcache/hub/types.h"

namespace hubcache::mirror {

// What `hubcache export` writes, as a directory or a tar stream (SECURITY 24):
//
//   hubcache-export.json   the index: which descriptions there are, and its own digest
//   repos/<sha256>.json    a description of one repo at one commit, named by its digest
//   blobs/<algorithm>/<first two digits>/<the others>
//
// Nothing in it is believed: names follow from digests, which are computed again; all else is
// parsed here, by the grammar of requests and within bounds.

inline constexpr std::string_view kIndexName = "hubcache-export.json";
inline constexpr std::size_t kLargestIndex = std::size_t{16} << 20;
inline constexpr std::size_t kLargestDescription = std::size_t{64} << 20;
inline constexpr std::size_t kLargestInfo = std::size_t{512} << 10;
/// Of a file that no disk holds nothing is imported: sizes stay far from where sums overflow.
inline constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 50;

/// A file at a commit; one that was left out is known by name only.
struct BundleFile : catalog::ImportedFile {
  bool left_out = false;
};

/// One repo at one commit.
struct Description {
  hub::RepoId repo{};
  std::vector<std::string> names{};  // other names of the repo
  std::string commit{};
  std::vector<std::string> revisions{};  // what stands for the commit: "main"
  bool is_public = false;                // anybody may read it at the Hub
  bool whole = true;                     // `files` are all files of the commit
  std::string info{};                    // what the Hub's API says of it, JSON; may be empty
  std::vector<BundleFile> files{};
};

/// As RepoId::key() spells it: "model/org/name". Throws kBadRequest for what no repo is called.
hub::RepoId parse_repo(std::string_view key);
/// Throws kBadRequest unless requests can ask for it.
void require_revision(const std::string& revision, const std::string& commit);

/// "sha256:ab... 123 + path": the sign says whether its bytes are there.
std::string to_text(const BundleFile& file);
/// Throws kBadRequest for what is none, and for paths that no request could ask for.
BundleFile parse_file(std::string_view text);

std::string to_text(const Description& description);
/// Throws kBadRequest, which says what is wrong.
Description parse_description(std::string_view text);

struct Index {
  struct Item {
    hub::RepoId repo{};
    std::string commit{};
    Digest description;      // of its text
    std::uint64_t size = 0;  // of its text
  };
  std::vector<Item> items;
};
std::string to_text(const Index& index);
/// Throws kBadRequest, kCorrupt when it is torn.
Index parse_index(std::string_view text);

/// Of a blob or a description within an export.
std::string blob_name(const Digest& digest);
std::string description_name(const Digest& digest);
/// The digest that a blob's, or a description's, name is made of; nullopt for any other name.
std::optional<Digest> blob_named(std::string_view name);
std::optional<Digest> description_named(std::string_view name);

/// Somebody else's text for a terminal: one line, without control characters, and not too long.
std::string printable(std::string_view text);
/// "model org/name at 0123abcd...", for people.
std::string name_of(const Description& description);

}  // namespace hubcache::mirror
