#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/base/shared_text.h"
#include "hubcache/http/client.h"
#include "hubcache/http/url.h"

namespace hubcache::hub {

/// Buckets are no repositories, but named and read alike: files without revisions.
enum class RepoType : std::uint8_t { kModel, kDataset, kSpace, kKernel, kBucket };
/// All that have revisions.
inline constexpr std::array kRepoTypes{RepoType::kModel, RepoType::kDataset, RepoType::kSpace,
                                       RepoType::kKernel};

/// "model", "dataset", "space", "kernel", "bucket".
std::string_view name_of(RepoType type);
/// "models", "datasets", ...: as the segment after /api/ spells it.
std::string_view api_segment(RepoType type);

/// A repository on the Hub, spelled as whoever named it did; `name` is "org/name" or "name".
struct RepoId {
  RepoType type = RepoType::kModel;
  std::string name{};
  /// "model/org/name": the key of rows and maps.
  std::string key() const;
  auto operator<=>(const RepoId&) const = default;
};

/// By which of its routes the Hub is asked for a file.
enum class Door : std::uint8_t {
  kFiles,     // resolve: by revision and path
  kLfs,       // git's large files: by digest
  kRegistry,  // /v2, as a registry of containers has it: by digest
};

/// A file as a client asks for it: everything decoded.
struct FileRef {
  RepoId repo{};
  std::string revision{};  // none by digest
  std::string path{};      // by digest: "sha256:" and 64 digits, by kLfs "/" and the size too
  Door door = Door::kFiles;
  auto operator<=>(const FileRef&) const = default;
};

/// A remote as hub sees it: where the Hub is and how to speak to it. Immutable; a change of any
/// field that shapes a connection or a right is a new epoch (SECURITY 16).
struct Endpoint {
  std::string remote;  // the remote's id
  std::uint64_t epoch = 0;
  http::Url base;       // the hub's base URL; its path, if any, goes before every route
  http::Origin origin;  // how the hub host is reached
  std::string token;    // hf_token; empty: none
  std::vector<std::pair<std::string, std::string>>
      headers;           // of the remote; only on reading routes
  std::string username;  // Basic towards upstream; empty: none
  std::string password;
  http::Timeouts timeouts;
  int max_retries = 3;
  int download_concurrency = 4;
  std::vector<std::string> allowed_private_hosts;  // may resolve to private addresses
  bool offline = false;                            // nothing is asked upstream
  std::string via{};  // the hubcaches that the request being served came through, as Via has them
  std::string made_scope{};  // by seal(); empty before
  std::string made_origin_key{};

  /// Does the remote have credentials of its own (SECURITY 3)? Any header may be one.
  bool has_right() const;
  /// No field changes from now on: makes the two keys below, which every request needs, just once.
  void seal();
  /// "remote/epoch": the first part of every catalog and grant key.
  std::string scope() const;
  /// Hash of all that makes the hub's origin, epoch and remote left out: fills and proofs are
  /// shared between remotes that have it in common.
  std::string origin_key() const;
};

/// Whose right a request upstream uses. The key is part of every single-flight key (SECURITY 5).
struct Credential {
  enum class Kind : std::uint8_t { kAnonymous, kRemote, kCaller };
  Kind kind = Kind::kAnonymous;
  std::string token;  // kCaller: the caller's Hub token; in memory only
  std::string key;    // "anonymous", "remote", or the token's keyed hash
  /// May answers obtained with it be shared between callers?
  bool shared() const { return kind != Kind::kCaller; }
  bool is_anonymous() const { return kind == Kind::kAnonymous; }
  static Credential anonymous() {
    return {.kind = Kind::kAnonymous, .token = {}, .key = "anonymous"};
  }
};

/// What the Hub said of one file at one revision (contract/hub.md 3.1 to 3.4).
struct FileAnswer {
  int status = 0;                // the Hub's: 200 when the file is there (redirects are followed)
  std::string commit;            // X-Repo-Commit, 40 hex; empty when the Hub named none
  std::string etag;              // X-Linked-ETag, else ETag, unquoted
  std::optional<Digest> digest;  // only from the hub's own origin; nullopt: unknown or masked
  std::uint64_t size = 0;        // X-Linked-Size, else Content-Length of the hub's own 200
  std::string xet_hash;
  std::string content_type;
  std::string location;       // absolute URL the bytes come from (signed; never logged)
  RepoId canonical;           // the repo the Hub's redirects ended at; the asked one without any
  std::string error_code;     // X-Error-Code
  std::string error_message;  // X-Error-Message
  bool found() const { return status == 200; }
  /// A 404 that says the file is absent at `commit`, from the hub's own origin (SECURITY 13).
  bool absent() const;
};

/// A large file as git-lfs names it.
struct LfsObject {
  Digest digest;
  std::uint64_t size = 0;
  std::string location{};  // absolute URL of its bytes (signed; never logged)
};
/// As a file of the repo, by kLfs; and the other way: nullopt for what is none.
FileRef file_of(RepoId repo, const LfsObject& object);
std::optional<LfsObject> lfs_object_of(const FileRef& file);

/// What the Hub said when it was asked for large files of a repo.
struct LfsAnswer {
  int status = 0;  // 200: `objects` are those that it has, in any order
  RepoId canonical;
  std::string error_code;
  std::string error_message;
  std::vector<LfsObject> objects;
};

/// What auth-check (or, on mirrors without it, an anonymous info document) said of a repo.
struct RepoAnswer {
  int status = 0;  // 200: the credential may read the repo
  RepoId canonical;
  std::string error_code;
  std::string error_message;
};

/// What is asked of the Hub's API.
struct DocumentQuery {
  RepoId repo{};         // it is about; no name: none
  std::string target{};  // raw path and query below the hub's base URL, built from parsed parts
  std::string form{};    // if any, it is a POST of this as application/x-www-form-urlencoded
  std::string agent{};   // the User-Agent it takes to be answered so; empty: our own
};

/// What is passed on to the Hub for the one who asks it, and to nobody else.
struct PassedRequest {
  std::string method = "GET";
  RepoId repo{};
  std::string target{};     // as of a DocumentQuery
  http::Headers headers{};  // beside those that every request has
  std::string body{};
};

/// An API document as the Hub sent it, unpacked.
struct DocumentAnswer {
  int status = 0;
  std::string content_type;
  std::string etag;         // as sent, weak or strong
  std::string link;         // Link, unrewritten
  std::string commit;       // X-Repo-Commit, if any
  std::string total_count;  // X-Total-Count, if any
  std::string error_code;
  std::string error_message;
  SharedText body;
  RepoId canonical;
};

}  // namespace hubcache::hub
