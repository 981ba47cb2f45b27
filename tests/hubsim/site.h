#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubsim/hub.h"
#include "hubsim/wire.h"
#include "hubsim/world.h"

namespace hubsim {

/// What an answer depends on; valid while it is made.
struct Site {
  const World& world;
  const Behaviour& behaviour;
  const std::string& url;
  const std::string& cdn_url;
  const std::string& key;         // signs URLs of the CDN
  bool hand_out_expired = false;  // signed URLs of this answer are expired already
};

/// Who asks. A bad token is one the Hub does not know.
struct Caller {
  enum class Kind : std::uint8_t { kAnonymous, kBad, kUser };
  Kind kind = Kind::kAnonymous;
  const Token* token = nullptr;

  bool granted(const Repo& repo) const;
  bool pending(const Repo& repo) const;
};
Caller caller_of(const World& world, const Request& request);

/// `api` chooses JSON bodies.
Response repo_missing(const Caller& caller, bool api);
Response gate_closed(const Caller& caller, const Repo& repo, bool api);
Response disabled(bool api);
Response revision_not_found(std::string_view revision);
Response entry_not_found(const std::string& commit, bool api);
Response json_error(int status, std::string_view message);
Response page_not_found();
/// The repo's absence, as this caller must see it; null when the caller may know of the repo.
std::optional<Response> refuse_repo(const Caller& caller, const Repo* repo, bool api);
/// A closed gate or a disabled repo, before revision and file are looked at.
std::optional<Response> refuse_files(const Caller& caller, const Repo& repo, bool api);

/// Where a raw path names a repo and something in it.
struct Location {
  RepoType type = RepoType::kModel;
  std::string id;                 // as the client wrote it, decoded
  std::string verb;               // "resolve", "tree", ...; empty: the repo itself
  std::vector<std::string> rest;  // raw segments behind the verb
  std::string before;             // raw path before the repo id, "/api/models/"
  std::string after;              // raw path behind the repo id, "/resolve/main/x"
};
/// Takes a revision off `rest`: one segment, or three of an unescaped refs/pr/1.
std::string take_revision(std::vector<std::string>& rest);
/// The path that the raw segments spell.
std::string decoded_path(const std::vector<std::string>& rest);
/// 307 to the name the repo has now.
Response moved(const Location& at, const Repo& repo, const Request& request);

/// /{repo}/resolve/..., /{repo}/raw/... and /api/resolve-cache/...
Response answer_files(const Site& site, const Request& request);
Response answer_resolve_cache(const Site& site, const Request& request);
/// /api/...
Response answer_api(const Site& site, const Request& request);
/// /v2/...; nothing for what is none of it.
std::optional<Response> answer_registry(const Site& site, const Request& request);
/// /_cas/..., where Xet clients ask how a file is put together, and the CDN's /xorbs/..., which has
/// the pieces; nothing when the request is for none of these.
Response answer_cas(const Site& site, const Request& request);
std::optional<Response> answer_xorb(const Site& site, const Request& request);
/// The CDN's own.
Response answer_cdn(const Site& site, const Request& request, bool all_expired);
/// The signed URL under which the CDN has an entry's bytes.
std::string signed_url(const Site& site, const Caller& caller, const Repo& repo,
                       std::string_view path, const Entry& entry);

std::string iso_time(std::int64_t seconds);
/// What the Hub hangs on every answer.
void add_usual_headers(const Request& request, Response& response);

}  // namespace hubsim
