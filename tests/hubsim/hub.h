#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubsim/content.h"
#include "hubsim/fault.h"

namespace hubsim {

enum class RepoType : std::uint8_t { kModel, kDataset, kSpace, kKernel };
enum class Gate : std::uint8_t { kOpen, kAuto, kManual };
enum class Storage : std::uint8_t { kGit, kLfs };

/// Who may read a repo. A private repo looks missing to others; a gated one refuses its files.
struct Visibility {
  bool is_private = false;
  Gate gate = Gate::kOpen;
  bool disabled = false;
};

struct RepoSpec {
  RepoType type = RepoType::kModel;
  std::string id;  // "org/name" or "name"
  Visibility visibility = {};
};

/// A user's token. Any token the Hub was not told of is a bad one.
struct Token {
  std::string user;
  std::set<std::string> granted = {};  // repo names; may read them though private or gated
  std::set<std::string> pending = {};  // gated repos whose access request awaits a review
};

/// One path of a commit: put, or removed when there is no content.
struct Change {
  std::string path;
  std::optional<Content> content = {};
  Storage storage = Storage::kGit;
  /// LFS: a digest the pointer names in place of the content's own, as a dishonest repo may.
  std::string claimed_sha256 = {};
};

/// What differs from one Hub (or mirror of it) to another.
struct Behaviour {
  bool auth_check = true;      // off: that route is 404, as at mirrors
  bool direct_files = false;   // git files are answered 200 at /resolve, as before 2025
  bool redirect_names = true;  // /resolve answers 307 for old and miscased names, as the API does
  bool gzip = true;            // text and JSON, to GETs that accept it
  bool xet = true;             // Xet headers, fields and token route
  std::size_t tree_page = 1000;
  std::size_t expanded_tree_page = 50;
  std::size_t list_page = 1000;  // of /api/models and its like
  std::size_t commits_page = 50;
  std::chrono::seconds url_lifetime{3600};
  std::uint16_t cdn_front = 0;  // signed URLs name this port in place of the CDN's own; 0: its own
};

/// One request as it came in, and what became of it. `status` is 0 until an answer begins.
struct Exchange {
  Host host;
  std::string method;
  std::string target;  // raw
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  int status = 0;
  std::uint64_t body_bytes = 0;  // handed to the kernel; still grows while the answer runs

  /// The first such header, its name in any case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

/// The Hugging Face Hub on two loopback ports, true to contract/hub.md. Holds a world of
/// repositories in memory, breaks on demand, and remembers what it was asked.
///
/// Repos are named as in URLs: "org/model", "gpt2", "datasets/org/dataset", "spaces/org/space",
/// "kernels/org/kernel". Every call may come from any thread and takes effect before it returns;
/// a wrong name throws std::invalid_argument.
class Hub {
 public:
  struct Options {
    std::uint16_t port = 0;  // 0: any free one, kept until the Hub is destroyed
    std::uint16_t cdn_port = 0;
    Behaviour behaviour = {};
    bool control = false;  // answer /_sim/ on the hub's port
  };

  /// Listens when it returns.
  Hub();
  explicit Hub(Options options);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// "http://127.0.0.1:PORT", without a slash at the end.
  const std::string& url() const;
  const std::string& cdn_url() const;
  std::uint16_t port() const;
  std::uint16_t cdn_port() const;

  /// Closes the ports and all connections: the Hub is unreachable until start().
  void stop();
  /// Listens again, on the same ports.
  void start();

  void set_behaviour(Behaviour behaviour);
  Behaviour behaviour() const;

  // The world ------------------------------------------------------------------------------------

  /// A repo with an empty first commit on `main`.
  void add_repo(RepoSpec spec);
  void remove_repo(std::string_view repo);
  void set_visibility(std::string_view repo, Visibility visibility);
  /// `repo` gets a new id; the old name redirects to it.
  void rename(std::string_view repo, std::string_view new_id);

  /// One commit on `main`; returns its id.
  std::string add_file(std::string_view repo, std::string_view path, Content content,
                       Storage storage = Storage::kGit);
  /// One commit with all changes on a branch (or refs/pr/N), which is made from `main` if it does
  /// not exist; returns its id, a git commit's sha1 that depends on the repo's name and content
  /// alone.
  std::string commit(std::string_view repo, std::string_view branch, std::vector<Change> changes,
                     std::string_view message = "Update files");
  /// `ref` is a branch, or in full "refs/tags/v1.0", "refs/pr/1", "refs/convert/parquet".
  void set_ref(std::string_view repo, std::string_view ref, std::string_view revision);
  void remove_ref(std::string_view repo, std::string_view ref);

  /// What the revision stands for now.
  std::string sha(std::string_view repo, std::string_view revision = "main") const;
  /// The file's ETag without quotes: sha256 for LFS, else the git blob's sha1.
  std::string etag(std::string_view repo, std::string_view path,
                   std::string_view revision = "main") const;
  std::string xet_hash(std::string_view repo, std::string_view path,
                       std::string_view revision = "main") const;
  std::uint64_t size(std::string_view repo, std::string_view path,
                     std::string_view revision = "main") const;
  /// The file's true bytes; cut at its end.
  std::string bytes(std::string_view repo, std::string_view path, std::uint64_t offset = 0,
                    std::uint64_t length = UINT64_MAX, std::string_view revision = "main") const;

  /// Adds or replaces a token.
  void add_token(std::string_view token, Token about);
  void revoke_token(std::string_view token);

  /// The world that README.md describes, in an empty Hub.
  void seed();

  // Faults ---------------------------------------------------------------------------------------

  void set_fault(Fault fault);
  /// No faults any more; what waits for a release goes on.
  void clear_faults();
  /// Ends all kHold and kStall faults: what they hold back flows.
  void release();

  // What was asked -------------------------------------------------------------------------------

  /// In the order the requests came in.
  std::vector<Exchange> log() const;
  void clear_log();
  /// An empty method counts all; `part` is a substring of the raw target.
  std::size_t count(Host host, std::string_view method = {}, std::string_view part = {}) const;
  std::uint64_t body_bytes(Host host, std::string_view part = {}) const;
  /// Requests that brought an Authorization header to the CDN (each was refused).
  std::size_t cdn_authorizations() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hubsim
