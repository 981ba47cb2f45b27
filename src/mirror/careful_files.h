#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/fd.h"
#include "hubcache/mirror/import_source.h"

namespace hubcache::mirror {

/// A plain file open for reading.
struct PlainFile {
  Fd fd;
  std::uint64_t size = 0;
};

// Files of somebody else, below a directory that is open. No symlink is followed, neither at the
// end of `name` nor on the way there, so nothing outside is reached.

/// Throws kIo.
Fd open_root(const std::string& directory);
/// nullopt: there is none. Throws kBadRequest for what is no plain file, kIo.
std::optional<PlainFile> open_plain(const Fd& root, std::string_view name);
/// All of it. Throws kBadRequest when it has more bytes than `most`, else as open_plain().
std::optional<std::string> read_plain(const Fd& root, std::string_view name, std::size_t most);
/// The names in a directory ("" is the root), sorted, at most `most`; none when there is no such
/// directory. Throws kBadRequest for more.
std::vector<std::string> names_in(const Fd& root, std::string_view directory, std::size_t most);
/// What kind of thing it is, by itself.
enum class FileKind : std::uint8_t { kNone, kPlain, kDirectory, kLink, kOther };
FileKind kind_of(const Fd& root, const std::string& name);
/// Where a symlink points, unread.
std::string link_target(const Fd& root, const std::string& name);

/// The file's bytes, `size` of them at most. The descriptor must stay open.
ReadBytes reader_of(const PlainFile& file);

}  // namespace hubcache::mirror
