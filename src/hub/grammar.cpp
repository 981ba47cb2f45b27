#include "hubcache/hub/grammar.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/every_byte.h"
#include "hubcache/base/joined.h"
#include "hubcache/base/text.h"
#include "hubcache/http/url.h"

namespace hubcache::hub {
namespace {

constexpr std::size_t kMaxNameSegment = 96;
constexpr std::string_view kXetReadToken = "xet-read-token";

// What follows a repo in a path; hence no second segment of a repo's name.
constexpr std::array<std::string_view, 10> kSubRoutes{
    "auth-check", "commits", "discussions", "paths-info", "raw",
    "refs",       "resolve", "revision",    "tree",       kXetReadToken};
// The same, for what readers have no business with.
constexpr std::array<std::string_view, 6> kNotForReaders{
    "jwt", "secrets", "settings", "user-access-request", "variables", "xet-write-token"};
// What stands where a repo's first segment could.
constexpr std::array<std::string_view, 6> kReserved{"api",     "buckets", "datasets",
                                                    "kernels", "spaces",  "v2"};

bool is_for_readers(std::string_view segment) {
  return std::ranges::find(kNotForReaders, segment) == kNotForReaders.end();
}

bool is_sub_route(std::string_view segment) {
  return std::ranges::find(kSubRoutes, segment) != kSubRoutes.end() || !is_for_readers(segment);
}

bool is_reserved(std::string_view segment) {
  return std::ranges::find(kReserved, segment) != kReserved.end();
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Error::Kind::kBadRequest, message);
}

/// A search among repos, where a repo's name could stand (contract/hub.md 1.3).
bool is_search(RepoType type, std::string_view segment) {
  return type == RepoType::kSpace && segment == "semantic-search";
}

/// A file's type by the first segment of its path, or of what follows "api/".
std::optional<RepoType> type_of(std::string_view segment) {
  for (const auto type : kRepoTypes) {
    if (segment == api_segment(type)) return type;
  }
  return std::nullopt;
}

/// An encoded slash may hide more segments; some hubs read a backslash as a slash.
void require_no_dots(std::string_view decoded) {
  const auto is_slash = [](char c) { return c == '/' || c == '\\'; };
  const auto* begin = decoded.begin();
  while (true) {
    const auto* const end = std::find_if(begin, decoded.end(), is_slash);
    const std::string_view segment(begin, end);
    if (segment == "." || segment == "..") refuse("The path has a '.' or '..' segment");
    const bool between_slashes = end == decoded.end() || *end == '/';
    if (segment.empty() && between_slashes) refuse("The path has an empty segment");
    if (end == decoded.end()) return;
    begin = end + 1;
  }
}

/// Names with control characters are nobody's files, and keys and logs are safer without them.
bool is_control(char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }

std::string decoded_segment(std::string_view raw) {
  if (is_every_byte(raw, [](char c) { return c != '%' && !is_control(c); })) {
    return std::string(raw);
  }
  auto decoded = http::percent_decode(raw);
  if (!decoded) refuse("The path has a bad percent escape or a NUL");
  if (std::ranges::any_of(*decoded, is_control)) refuse("The path has a control character");
  return *std::move(decoded);
}

/// The segments of a path, as they came and decoded.
struct Segments {
  std::vector<std::string_view> raw;
  std::vector<std::string> decoded;
  bool trailing_slash = false;

  std::size_t size() const { return raw.size(); }
  std::string joined_from(std::size_t first) const {
    std::string path;
    for (std::size_t i = first; i < decoded.size(); ++i) {
      if (i != first) path += '/';
      path += decoded[i];
    }
    return path;
  }
};

Segments split(std::string_view path) {
  Segments segments;
  const auto count = static_cast<std::size_t>(std::ranges::count(path, '/')) + 1;
  segments.raw.reserve(count);
  segments.decoded.reserve(count);
  if (path.ends_with('/')) {
    segments.trailing_slash = true;
    path.remove_suffix(1);
  }
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto raw = path.substr(begin, end - begin);
    segments.raw.push_back(raw);
    segments.decoded.push_back(decoded_segment(raw));
    require_no_dots(segments.decoded.back());
    begin = end + 1;
  }
  return segments;
}

RepoId repo_called(RepoType type, std::string name) {
  if (!is_repo_name(name)) refuse("The path names a repo that cannot exist");
  return {.type = type, .name = std::move(name)};
}

std::string name_at(const Segments& segments, std::size_t first, std::size_t count) {
  std::string name(segments.raw[first]);
  if (count == 2) (name += '/') += segments.raw[first + 1];
  return name;
}

RepoId repo_at(const Segments& segments, RepoType type, std::size_t first, std::size_t count) {
  return repo_called(type, name_at(segments, first, count));
}

bool is_number(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// What comes after "refs/" in refs/pr/N and refs/convert/X.
bool begins_with_ref(std::string_view path) {
  constexpr std::string_view kPr = "pr/";
  if (!path.starts_with(kPr)) return path.starts_with("convert/");
  path.remove_prefix(kPr.size());
  return is_number(path.substr(0, path.find('/')));
}

/// Reads the revision at `at` into `file`; returns where it ends. refs/pr/N and refs/convert/X may
/// be spelled without escapes.
std::size_t read_revision(const Segments& segments, std::size_t at, FileRef& file) {
  const auto& raw = segments.raw;
  if (raw.size() > at + 2 && raw[at] == "refs" &&
      (raw[at + 1] == "convert" || (raw[at + 1] == "pr" && is_number(raw[at + 2])))) {
    file.revision = "refs/";
    file.revision += raw[at + 1];
    file.revision += '/';
    file.revision += segments.decoded[at + 2];
    return at + 3;
  }
  file.revision = segments.decoded[at];
  // "name/resolve/resolve/..." may be read as a revision or as a repo called "name/resolve".
  if (is_sub_route(file.revision) && file.repo.name.find('/') == std::string::npos) {
    refuse("The path can be read in two ways");
  }
  // "refs/pr%2F1" would be sent upstream as "refs/pr/1".
  if (file.revision == "refs" && begins_with_ref(segments.joined_from(at + 1))) {
    refuse("The path can be read in two ways");
  }
  return at + 1;
}

/// resolve and raw: REV/PATH from `at` on.
Route file_route(const Segments& segments, Route::Kind kind, RepoId repo, std::size_t at) {
  Route route{.kind = kind, .file = {.repo = std::move(repo), .revision = {}, .path = {}}};
  if (at >= segments.size()) return {};
  at = read_revision(segments, at, route.file);
  if (at >= segments.size()) return {};
  if (segments.trailing_slash) refuse("The path has an empty segment");
  route.file.path = segments.joined_from(at);
  return route;
}

/// api/resolve-cache/models/REPO/COMMIT/PATH: where the Hub itself sends readers of git files.
Route resolve_cache_route(const Segments& segments) {
  constexpr std::size_t kType = 2;
  constexpr std::size_t kRepo = 3;
  const auto type =
      segments.size() > kRepo ? type_of(segments.raw[kType]) : std::optional<RepoType>();
  if (!type) return {};
  for (const std::size_t count : {1U, 2U}) {
    if (segments.size() > kRepo + count && is_commit_id(segments.raw[kRepo + count])) {
      return file_route(segments, Route::Kind::kResolve, repo_at(segments, *type, kRepo, count),
                        kRepo + count);
    }
  }
  return {};
}

/// What follows the repo from `at` on, its first segment being the word that names the route.
Route repo_api_route(const Segments& segments, RepoId repo, std::size_t at) {
  using Kind = Route::Kind;
  struct Word {
    std::string_view text;
    Kind kind;
    bool revision;  // a revision follows
    bool path;      // and then a path may
  };
  static constexpr std::array kWords{Word{"revision", Kind::kInfo, true, false},
                                     Word{"tree", Kind::kTree, true, true},
                                     Word{"paths-info", Kind::kPathsInfo, true, false},
                                     Word{"commits", Kind::kCommits, true, false},
                                     Word{"refs", Kind::kRefs, false, false},
                                     Word{"auth-check", Kind::kAuthCheck, false, false},
                                     Word{kXetReadToken, Kind::kXetReadToken, true, false}};
  Route other{.kind = Kind::kApiOther, .file = {.repo = repo}};
  const auto& text = segments.decoded[at++];
  if (!is_for_readers(text)) other.kind = Kind::kNotForReaders;
  const auto* const word = std::ranges::find(kWords, text, &Word::text);
  if (word == kWords.end()) return other;
  if (text == kXetReadToken) other = {};  // never passed on: it would name the upstream's CAS

  Route route{.kind = word->kind, .file = {.repo = std::move(repo)}};
  if (word->revision) {
    if (at == segments.size()) return other;
    at = read_revision(segments, at, route.file);
  }
  if (word->path) {
    route.file.path = segments.joined_from(at);
    return route;
  }
  return at == segments.size() ? route : other;
}

/// api/buckets/ORG/NAME[/...]: the files of buckets come without Xet, so there is no token for it.
Route bucket_api_route(const Segments& segments) {
  constexpr std::size_t kWord = 4;
  Route other{.kind = Route::Kind::kApiOther};
  if (segments.size() <= kWord) return other;
  const auto& text = segments.decoded[kWord];
  if (!is_for_readers(text)) other.kind = Route::Kind::kNotForReaders;
  return text == kXetReadToken ? Route{} : other;
}

Route api_route(const Segments& segments) {
  constexpr std::size_t kType = 1;
  constexpr std::size_t kRepo = 2;
  const auto& raw = segments.raw;
  Route other{.kind = Route::Kind::kApiOther};
  if (raw.size() <= kType) return other;
  const auto& first = segments.decoded[kType];  // passed on as it reads, however it is spelled
  if (raw.size() == kRepo && first == "whoami-v2") return {.kind = Route::Kind::kWhoami};
  if (raw.size() == kRepo) return other;
  if (first == "resolve-cache") return resolve_cache_route(segments);
  if (first == api_segment(RepoType::kBucket)) return bucket_api_route(segments);
  const auto type = type_of(first);
  if (!type || is_search(*type, raw[kRepo])) return other;

  const std::size_t count = raw.size() > kRepo + 1 && !is_sub_route(raw[kRepo + 1]) ? 2 : 1;
  auto repo = repo_at(segments, *type, kRepo, count);
  const std::size_t at = kRepo + count;
  if (at == raw.size()) return {.kind = Route::Kind::kInfo, .file = {.repo = std::move(repo)}};
  return repo_api_route(segments, std::move(repo), at);
}

/// The segments, encoded anew: none can reach out of its place.
std::string rebuilt(const Segments& segments) {
  std::string path;
  for (const auto& segment : segments.decoded) (path += '/') += http::percent_encode(segment);
  return path;
}

/// buckets/ORG/NAME/resolve/PATH
Route bucket_route(const Segments& segments) {
  constexpr std::size_t kMarker = 3;
  const auto& raw = segments.raw;
  if (raw.size() <= kMarker + 1 || raw[kMarker] != "resolve") return {};
  if (segments.trailing_slash) refuse("The path has an empty segment");
  return {.kind = Route::Kind::kBucketFile,
          .file = {.repo = repo_at(segments, RepoType::kBucket, 1, 2),
                   .path = segments.joined_from(kMarker + 1)}};
}

/// REPO[.git] and one of the routes that git and git-lfs have below it. Where the repo ends, the
/// number of segments tells.
Route git_route(const Segments& segments, RepoType type, std::size_t first) {
  using Kind = Route::Kind;
  struct Tail {
    std::vector<std::string_view> words;
    Kind kind;
  };
  static const std::array kTails{
      Tail{{"info", "refs"}, Kind::kGitRefs},
      Tail{{"git-upload-pack"}, Kind::kGitUploadPack},
      Tail{{"git-receive-pack"}, Kind::kGitReceivePack},
      Tail{{"info", "lfs", "objects", "batch"}, Kind::kLfsBatch},
      Tail{{"info", "lfs", "objects"}, Kind::kLfsObject},
  };
  constexpr std::string_view kSuffix = ".git";
  const std::span<const std::string_view> raw(segments.raw);
  for (const auto& [words, kind] : kTails) {
    const std::size_t tail = words.size() + (kind == Kind::kLfsObject ? 2 : 0);
    const std::size_t names = raw.size() - std::min(raw.size(), first + tail);
    if (names != 1 && names != 2) continue;
    if (!std::ranges::equal(raw.subspan(first + names, words.size()), words)) continue;
    auto name = name_at(segments, first, names);
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    auto repo = repo_called(type, std::move(name));
    if (kind != Kind::kLfsObject) return {.kind = kind, .file = {.repo = std::move(repo)}};
    FileRef file{.repo = std::move(repo),
                 .path = joined({"sha256:", raw[raw.size() - 2], "/", raw.back()}),
                 .door = Door::kLfs};
    return lfs_object_of(file) ? Route{.kind = kind, .file = std::move(file)} : Route{};
  }
  return {};
}

/// v2/REPO/manifests/TAG and v2/REPO/blobs/sha256:DIGEST
Route registry_route(const Segments& segments) {
  constexpr std::size_t kFewest = 4;
  const std::size_t size = segments.size();
  if (size != kFewest && size != kFewest + 1) return {};
  const auto word = segments.raw[size - 2];
  if (word != "manifests" && word != "blobs") return {};
  auto repo = repo_at(segments, RepoType::kModel, 1, size - kFewest + 1);
  const auto& last = segments.decoded.back();
  if (word == "manifests") {
    return {.kind = Route::Kind::kRegistryManifest,
            .file = {.repo = std::move(repo), .revision = last}};
  }
  const auto digest = Digest::from_text(last);
  if (!digest || digest->algorithm() != Digest::Algorithm::kSha256) return {};
  return {.kind = Route::Kind::kRegistryBlob,
          .file = {.repo = std::move(repo), .path = last, .door = Door::kRegistry}};
}

}  // namespace

Route parse_route(std::string_view below) {
  if (below.empty()) return {};
  const auto segments = split(below);
  const auto& raw = segments.raw;
  if (raw.front() == "api") {
    auto route = api_route(segments);
    route.api_path = rebuilt(segments);
    return route;
  }
  if (raw.front() == "buckets") return bucket_route(segments);
  if (raw.front() == "v2") return registry_route(segments);

  auto type = type_of(raw.front());
  if (type == RepoType::kModel) type.reset();  // models have no prefix here
  const std::size_t first = type ? 1 : 0;
  if (!type && is_reserved(raw.front())) return {};
  for (const std::size_t count : {1U, 2U}) {
    const std::size_t marker = first + count;
    if (raw.size() <= marker) break;
    if (raw[marker] != "resolve" && raw[marker] != "raw") continue;
    const auto kind = raw[marker] == "raw" ? Route::Kind::kRaw : Route::Kind::kResolve;
    auto repo = repo_at(segments, type.value_or(RepoType::kModel), first, count);
    return file_route(segments, kind, std::move(repo), marker + 1);
  }
  if (segments.trailing_slash) return {};
  return git_route(segments, type.value_or(RepoType::kModel), first);
}

bool is_repo_name(std::string_view name) {
  const auto is_segment = [](std::string_view text) {
    if (text.empty() || text.size() > kMaxNameSegment || text == "." || text == "..") return false;
    return std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '.' || c == '-';
    });
  };
  const auto slash = name.find('/');
  const auto first = name.substr(0, slash);
  if (!is_segment(first) || is_reserved(first)) return false;
  if (slash == std::string_view::npos) return true;
  const auto second = name.substr(slash + 1);
  return is_segment(second) && !is_sub_route(second);
}

bool is_commit_id(std::string_view text) {
  constexpr std::size_t kDigits = 40;
  return text.size() == kDigits && is_lower_hex(text);
}

}  // namespace hubcache::hub
