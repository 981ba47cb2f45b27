#include "hubcache/content/stored_files.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/http/range.h"

#include "file_response.h"

namespace hubcache::content {
namespace {

// The read that goes the long way, to WarmFiles; later ones are 256 apart. So many that what is
// read at random of far more files than WarmFiles holds stays out of it.
constexpr std::uint8_t kWarmFrom = 16;
constexpr std::size_t kFileBytes = 160;
constexpr std::size_t kLongestPath = 256;  // clients choose it
constexpr std::chrono::minutes kUseInterval{10};

/// A target in its folder, which is a repo at a revision; nullopt: there is none.
struct InFolder {
  std::string_view folder;
  std::string_view path;
};
std::optional<InFolder> in_folder(std::string_view target) {
  constexpr std::string_view kResolve = "/resolve/";
  const auto resolve = target.find(kResolve);
  if (resolve == std::string_view::npos) return std::nullopt;
  const auto revision = target.find('/', resolve + kResolve.size());
  if (revision == std::string_view::npos) return std::nullopt;
  return InFolder{.folder = target.substr(0, revision + 1), .path = target.substr(revision + 1)};
}

bool is_same(const catalog::Entry& a, const catalog::Entry& b) {
  return a.etag == b.etag && a.digest == b.digest && a.size == b.size && a.lfs == b.lfs;
}

}  // namespace

catalog::Entry StoredFiles::entry_of(const File& file) {
  using Algorithm = Digest::Algorithm;
  const auto algorithm = file.lfs ? Algorithm::kSha256 : Algorithm::kGitSha1;
  auto digest = Digest::from_bytes(algorithm, file.digest);
  return {.etag = digest.hex(),
          .digest = std::move(digest),
          .size = file.on_disk.size,
          .lfs = file.lfs};
}

std::optional<http::Response> StoredFiles::find(const http::Request& request) {
  const auto at = in_folder(request.target);
  if (!at) return std::nullopt;
  const auto folder = folders_.find(at->folder);
  if (folder == folders_.end()) return std::nullopt;
  const auto& ground = folder->second.ground;
  const auto found = folder->second.files.find(at->path);
  if (found == folder->second.files.end() || !ground.holds(services_)) return std::nullopt;
  auto& file = found->second;
  const auto entry = entry_of(file);
  const auto known = services_.catalog.entry_at_once(joined({ground.keys.folder, at->path}));
  if (known && (*known == nullptr || !is_same(**known, entry))) return std::nullopt;
  // Xet may have it, and then is offered.
  if (request.method != "GET" && (entry.lfs || !request.is_head())) return std::nullopt;

  auto response = file_response(entry, ground.commit, at->path);
  const auto plan = http::apply_conditions(request, '"' + entry.etag + '"', entry.size, response);
  if (plan.status == http_status::kOk && !request.is_head()) {
    if (++file.reads == kWarmFrom) return std::nullopt;
    auto bytes = bytes_.stored_at_once(*entry.digest, file.on_disk, response.served);
    if (!bytes) return std::nullopt;
    response.body = *std::move(bytes);
    const auto now = services_.store.clock().now();
    if (now - file.used >= kUseInterval) {
      file.used = now;
      services_.blobs.note_use(*entry.digest);
    }
  }
  folder->second.used = ++uses_;
  ground.note_read(services_);
  return response;
}

bool StoredFiles::keep(const http::Request& request, const Ground& ground, const hub::FileRef& name,
                       const catalog::Entry& entry, const Fd& file) {
  const auto at = in_folder(request.target);
  // In another spelling it is another's path, and the folder one of many names.
  const bool is_as_spelled = at && at->path == name.path &&
                             at->folder.ends_with(joined({"/resolve/", name.revision, "/"}));
  // It was asked for before: a rule may refuse it by now.
  const bool can_be_known =
      is_as_spelled && at->path.size() <= kLongestPath && ground.holds(services_);
  const auto on_disk = can_be_known ? services_.store.size(file) : std::nullopt;
  if (!on_disk) return false;
  File known{.digest = entry.digest->bytes(),
             .on_disk = *on_disk,
             .used = services_.store.clock().now(),
             .lfs = entry.lfs};
  if (!is_same(entry_of(known), entry)) return false;
  auto& folder = folder_at(at->folder, ground);
  const auto before = folder.files.find(at->path);
  if (before != folder.files.end()) {
    known.reads = before->second.reads;
    before->second = known;
    return true;
  }
  const std::size_t needed = kFileBytes + at->path.size();
  if (bytes() + needed > most_bytes_ && folders_.size() > 1) drop_oldest();
  if (bytes() + needed > most_bytes_) return false;
  folder.files.emplace(std::string(at->path), known);
  folder.bytes += needed;
  return false;
}

std::optional<Digest> StoredFiles::digest_of(const Fd& file) const {
  const auto is = services_.store.size(file);
  if (!is) return std::nullopt;
  for (const auto& [prefix, folder] : folders_) {
    for (const auto& [path, known] : folder.files) {
      const bool is_it = known.on_disk.inode == is->inode && known.on_disk.size == is->size;
      if (is_it) return entry_of(known).digest;
    }
  }
  return std::nullopt;
}

StoredFiles::Folder& StoredFiles::folder_at(std::string_view prefix, const Ground& ground) {
  const auto known = folders_.find(prefix);
  if (known != folders_.end()) {
    auto& folder = known->second;
    folder.used = ++uses_;
    if (folder.ground.is_same(ground) && services_.rules.are_in_force(folder.ground.rules)) {
      return folder;
    }
    folder.files.clear();
    folder.bytes = 0;
    folder.ground = ground;
    return folder;
  }
  if (folders_.size() >= most_folders_) drop_oldest();
  return folders_.emplace(std::string(prefix), Folder{.ground = ground, .used = ++uses_})
      .first->second;
}

std::size_t StoredFiles::bytes() const {
  std::size_t sum = 0;
  for (const auto& [prefix, folder] : folders_) sum += folder.bytes;
  return sum;
}

void StoredFiles::drop_oldest() {
  const auto oldest =
      std::ranges::min_element(folders_, {}, [](const auto& folder) { return folder.second.used; });
  if (oldest != folders_.end()) folders_.erase(oldest);
}

}  // namespace hubcache::content
