#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hubcache/hub/types.h"
#include "hubcache/hub/urls.h"

namespace hubcache::hub {

/// A path as Hub clients ask for it, taken apart (contract/hub.md 1.1).
struct Route {
  enum class Kind : std::uint8_t {
    kUnknown,           // nothing the Hub has, or nothing we serve
    kResolve,           // a file's bytes; also by api/resolve-cache
    kRaw,               // a file's bytes, or a LFS file's pointer
    kInfo,              // api/models/REPO[/revision/REV]
    kTree,              // api/models/REPO/tree/REV[/FOLDER]
    kPathsInfo,         // api/models/REPO/paths-info/REV, asked by POST
    kRefs,              // api/models/REPO/refs
    kCommits,           // api/models/REPO/commits/REV
    kAuthCheck,         // api/models/REPO/auth-check
    kXetReadToken,      // api/models/REPO/xet-read-token/REV
    kNotForReaders,     // below a repo: writes, keys and settings (SECURITY 3)
    kWhoami,            // api/whoami-v2
    kApiOther,          // anything else below api/
    kBucketFile,        // buckets/ID/resolve/PATH: no revision, no commit
    kGitRefs,           // REPO[.git]/info/refs
    kGitUploadPack,     // REPO[.git]/git-upload-pack, asked by POST
    kGitReceivePack,    // REPO[.git]/git-receive-pack: a push
    kLfsBatch,          // REPO[.git]/info/lfs/objects/batch, asked by POST
    kLfsObject,         // REPO[.git]/info/lfs/objects/DIGEST/SIZE: our own
    kRegistryManifest,  // v2/REPO/manifests/TAG
    kRegistryBlob,      // v2/REPO/blobs/sha256:DIGEST
  };
  Kind kind = Kind::kUnknown;
  /// Decoded. kInfo: `revision` is empty when the path names none, `path` always; kTree: `path` is
  /// the folder, empty for the root. Routes without a revision, and kApiOther: the repo alone, its
  /// name empty when the path names none. kRegistryManifest: `revision` is the tag. Nothing for
  /// kUnknown.
  FileRef file{};
  /// Of a route below api/: the path to ask a hub for, built from the parts anew; starts with "/".
  std::string api_path{};
};

/// `below` is the raw path that follows the distribution's base_path and its slash: still encoded,
/// without the query, no slash in front. It is split where it is raw, so "%2F" stays inside its
/// part; refs/pr/N and refs/convert/X may also come unencoded.
/// Throws kBadRequest, which says what is wrong, for "." and ".." segments however they are
/// spelled, empty segments, bad escapes, control characters, and names that no repo can have.
Route parse_route(std::string_view below);

/// Can a repo be called so: one or two segments of 1 to 96 word characters, "." and "-"? Names that
/// would read as another route ("datasets/x", "org/resolve") are none.
bool is_repo_name(std::string_view name);

/// A full commit id: 40 lower-case hexadecimal digits.
bool is_commit_id(std::string_view text);

}  // namespace hubcache::hub
