#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hubsim {

/// Orders paths as a listing does: a directory, what is in it, then what follows.
struct PathLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept;
};

/// sha1 of a git object in hex; `kind` is "blob", "tree" or "commit".
std::string git_object_id(std::string_view kind, std::string_view payload);

/// What git stores in place of an LFS file.
std::string lfs_pointer(std::string_view sha256, std::uint64_t size);

/// Tree ids of all directories of a commit, the root as "", from its files' blob ids.
std::map<std::string, std::string, PathLess> git_trees(
    const std::vector<std::pair<std::string_view, std::string_view>>& files);

struct CommitText {
  std::string_view tree;
  std::string_view parent;  // may be empty
  std::string_view author;  // "name <mail>"
  std::int64_t time;        // seconds since 1970
  std::string_view message;
};
std::string git_commit_id(const CommitText& commit);

}  // namespace hubsim
