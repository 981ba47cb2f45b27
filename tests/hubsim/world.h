#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubsim/blob.h"
#include "hubsim/git.h"
#include "hubsim/hub.h"

namespace hubsim {

/// A file of a commit.
struct Entry {
  std::shared_ptr<const Blob> blob;
  std::string oid;             // git blob sha1; of the pointer for LFS
  std::string sha256;          // LFS only: what the pointer names
  std::string xet_hash;        // LFS only: a pure function of the bytes
  std::size_t changed_in = 0;  // index into Repo::commits

  bool lfs() const noexcept { return !sha256.empty(); }
  const std::string& etag() const noexcept { return lfs() ? sha256 : oid; }
  std::uint64_t pointer_size() const { return lfs_pointer(sha256, blob->size()).size(); }
};

struct Commit {
  std::string id;
  std::string parent;
  std::string message;
  std::int64_t time = 0;
  std::map<std::string, Entry, PathLess> files;
  std::map<std::string, std::string, PathLess> directories;  // path to tree id; the root is ""
};

struct Repo {
  RepoType type;
  std::string id;
  Visibility visibility;
  std::vector<std::shared_ptr<const Commit>> commits;  // in the order they were made
  std::map<std::string, std::string> refs;             // full name to commit id

  /// Branch, tag, HEAD, full ref, commit id or at least 7 digits of one; null when unknown.
  std::shared_ptr<const Commit> find(std::string_view revision) const;
};

/// "model", "dataset", "space", "kernel".
std::string_view type_name(RepoType type);
/// "datasets/org/name" as type and id; no prefix means a model.
std::pair<RepoType, std::string> parse_name(std::string_view name);
/// The other way: how URLs and tokens name the repo.
std::string full_name(RepoType type, std::string_view id);
std::string lower_case(std::string_view text);

/// Everything the Hub holds. Not thread-safe: Hub guards it.
class World {
 public:
  struct Found {
    const Repo* repo = nullptr;
    bool canonical = true;  // false: asked for by an old or miscased name
  };

  void add(RepoSpec spec);
  void remove(std::string_view name);
  void rename(std::string_view name, std::string_view new_id);
  /// By any name it has or had; throws std::invalid_argument.
  Repo& repo(std::string_view name);
  const Repo& repo(std::string_view name) const;
  const Commit& commit_at(std::string_view name, std::string_view revision) const;
  const Entry& entry(std::string_view name, std::string_view path, std::string_view revision) const;

  std::string commit(std::string_view name, std::string_view branch,
                     const std::vector<std::pair<std::string, std::optional<Entry>>>& changes,
                     std::string_view message);
  void set_ref(std::string_view name, std::string_view ref, std::string_view revision);

  Found find(RepoType type, std::string_view id) const;
  /// Repos of a type by id.
  std::vector<const Repo*> list(RepoType type) const;
  /// The bytes that the CDN has under this hash.
  std::shared_ptr<const Blob> by_xet_hash(const std::string& hash) const;
  const Token* token(std::string_view token) const;
  void set_token(std::string token, std::optional<Token> about);

 private:
  using Key = std::pair<RepoType, std::string>;  // id in lower case
  std::map<Key, Repo> repos_;
  std::map<Key, std::string> renamed_;  // to the id it has now, or had next
  std::map<std::string, std::shared_ptr<const Blob>> by_xet_hash_;
  std::map<std::string, Token, std::less<>> tokens_;
};

/// Makes the entry of a change: hashes its bytes, which may take a while.
Entry make_entry(const Content& content, Storage storage, std::string_view claimed_sha256);

}  // namespace hubsim
