#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/hub/types.h"

namespace hubcache::app {

/// A repo that is to be fetched, as somebody wrote it.
struct FetchTarget {
  hub::RepoId repo;
  std::string revision = "main";
  /// "datasets/org/name@v1", as fetch_target() reads it.
  std::string text() const;
};

/// Reads "org/name", "org/name@REVISION", and with a type before it: "datasets/org/name" or
/// "dataset:org/name", so too for models, spaces and kernels. Throws kBadRequest that says what is
/// wrong.
FetchTarget fetch_target(std::string_view text);

/// Reads one of them a line. Empty lines, and what follows a "#" at the begin of a line or behind a
/// blank, are nothing. What is wrong is told with `name` and the line.
std::vector<FetchTarget> fetch_list(std::istream& lines, const std::string& name);

/// Which files of a repo are meant.
class FileFilter {
 public:
  /// Globs as `hf download` takes them, over the whole path: `*` stands for slashes too, "data/" is
  /// "data/*". Without any to include, all are. Throws kBadRequest for what is no glob.
  FileFilter(std::vector<std::string> include, std::vector<std::string> exclude);
  bool takes(std::string_view path) const;
  bool takes_all() const { return include_.empty() && exclude_.empty(); }

 private:
  std::vector<std::string> include_;
  std::vector<std::string> exclude_;
};

}  // namespace hubcache::app
