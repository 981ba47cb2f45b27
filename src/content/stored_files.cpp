#include "hubcache/content/stored_files.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/http/range.h"

#include "file_response.h"

namespace hubcache::content {
namespace {

// As often a file is asked for here before it is WarmFiles' turn; then each 256th time.
constexpr std::uint8_t kWarmFrom = 2;
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
  return {.etag = digest.hex(), .digest = std::move(digest), .size = file.size, .lfs = file.lfs};
}

std::optional<http::Response> StoredFiles::find(const http::Request& request) {
  const auto at = in_folder(request.target);
  if (!at) return std::nullopt;
  const auto folder = folders_.find(at->folder);
  if (folder == folders_.end()) return std::nullopt;
  auto& [ground, files, used] = folder->second;
  const auto found = files.find(at->path);
  if (found == files.end() || !ground.holds(services_)) return std::nullopt;
  auto& file = found->second;
  if (++file.asked == kWarmFrom) return std::nullopt;

  const auto entry = entry_of(file);
  const auto* const known = services_.catalog.entry_at_once(joined({ground.keys.folder, at->path}));
  if (known != nullptr && !is_same(*known, entry)) return std::nullopt;
  // Xet may have it, and then is offered.
  if (request.method != "GET" && (entry.lfs || !request.is_head())) return std::nullopt;

  auto response = file_response(entry, ground.commit, at->path);
  const auto plan = http::apply_conditions(request, '"' + entry.etag + '"', entry.size, response);
  if (plan.status == http_status::kOk && !request.is_head()) {
    const store::Disk::FileSize expected{
        .size = file.size, .inode = file.inode, .modified = file.modified};
    auto bytes = bytes_.stored_at_once(*entry.digest, expected, response.served);
    if (!bytes) return std::nullopt;
    response.body = *std::move(bytes);
    const auto now = services_.store.clock().now();
    if (now - file.used >= kUseInterval) {
      file.used = now;
      services_.blobs.note_use(*entry.digest);
    }
  }
  used = ++uses_;
  ground.note_read(services_);
  return response;
}

void StoredFiles::keep(const http::Request& request, const Ground& ground, const hub::FileRef& name,
                       const catalog::Entry& entry, const Fd& file) {
  const auto at = in_folder(request.target);
  // In another spelling it is another's path.
  const bool is_by_path = at && at->path == name.path && entry.etag == entry.digest->hex();
  if (!is_by_path || at->path.size() > kLongestPath) return;
  store::Disk::FileSize is;
  try {
    is = services_.store.size(file);
  } catch (const Error&) {
    return;
  }
  const File known{.digest = entry.digest->bytes(),
                   .size = entry.size,
                   .inode = is.inode,
                   .modified = is.modified,
                   .used = services_.store.clock().now(),
                   .lfs = entry.lfs};
  if (!is_same(entry_of(known), entry)) return;
  auto& folder = folder_at(at->folder, ground);
  if (count() >= most_ && folders_.size() > 1) drop_oldest();
  if (count() < most_ || folder.files.contains(at->path)) {
    folder.files.insert_or_assign(std::string(at->path), known);
  }
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
    folder.ground = ground;
    return folder;
  }
  if (folders_.size() >= kMostFolders) drop_oldest();
  return folders_.emplace(std::string(prefix), Folder{.ground = ground, .used = ++uses_})
      .first->second;
}

std::size_t StoredFiles::count() const {
  std::size_t sum = 0;
  for (const auto& [prefix, folder] : folders_) sum += folder.files.size();
  return sum;
}

void StoredFiles::drop_oldest() {
  const auto oldest =
      std::ranges::min_element(folders_, {}, [](const auto& folder) { return folder.second.used; });
  if (oldest != folders_.end()) folders_.erase(oldest);
}

}  // namespace hubcache::content
