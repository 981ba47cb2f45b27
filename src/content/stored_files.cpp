#include "hubcache/content/stored_files.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/http/range.h"

#include "file_response.h"

namespace hubcache::content {
namespace {

// A file that is so many of so many reads here goes the long way, to WarmFiles, which has room for
// all that are read so often. What is read at random of far more files stays out of it.
constexpr std::uint32_t kWarmReads = 16;
constexpr std::uint32_t kWarmWindow = 16'384;
constexpr std::size_t kFileBytes = 160;
constexpr std::size_t kLongestPath = 256;   // clients choose it
constexpr std::uint32_t kUseInterval = 10;  // minutes

std::uint32_t minutes_of(WallTime time) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
  return static_cast<std::uint32_t>(minutes);
}

bool is_same(const catalog::Entry& a, const catalog::Entry& b) {
  return a.etag == b.etag && a.digest == b.digest && a.size == b.size && a.lfs == b.lfs;
}

/// The answer if it has none; nullopt: all of the file is asked for.
std::optional<http::Response> without_body(const http::Request& request, const Ground& ground,
                                           const catalog::Entry& entry, std::string_view path) {
  if (!request.is_head() && !request.headers.has("If-None-Match")) return std::nullopt;
  auto response = file_response(entry, ground.commit, path);
  const auto plan = http::apply_conditions(request, '"' + entry.etag + '"', entry.size, response);
  if (plan.status == http_status::kOk && !request.is_head()) return std::nullopt;
  return response;
}

template <typename T>
std::atomic_ref<T> shared(T& value) {
  return std::atomic_ref<T>(value);
}

}  // namespace

std::optional<StoredFiles::InFolder> StoredFiles::in_folder(std::string_view target) {
  constexpr std::string_view kResolve = "/resolve/";
  const auto resolve = target.find(kResolve);
  if (resolve == std::string_view::npos) return std::nullopt;
  const auto revision = target.find('/', resolve + kResolve.size());
  if (revision == std::string_view::npos) return std::nullopt;
  return InFolder{.folder = target.substr(0, revision + 1), .path = target.substr(revision + 1)};
}

catalog::Entry StoredFiles::entry_of(const File& file) {
  using Algorithm = Digest::Algorithm;
  const auto algorithm = file.lfs ? Algorithm::kSha256 : Algorithm::kGitSha1;
  auto digest = Digest::from_bytes(algorithm, file.digest);
  return {.etag = digest.hex(),
          .digest = std::move(digest),
          .size = file.on_disk.size,
          .lfs = file.lfs};
}

std::optional<http::Response> StoredFiles::find(const http::Request& request,
                                                const Services& services, FileBytes& bytes) {
  const auto at = in_folder(request.target);
  if (!at || (request.method != "GET" && !request.is_head())) return std::nullopt;
  const auto known = look(*at, request.method == "GET", services.store.clock().now());
  if (!known || known->is_hot || !known->ground->holds(services)) return std::nullopt;
  const auto& [ground, entry, on_disk, is_hot, is_use_due] = *known;
  // Xet may have it, and then is offered.
  if (request.is_head() && entry.lfs) return std::nullopt;

  auto response = without_body(request, *ground, entry, at->path);
  if (!response) {
    response = whole_file_response(entry, ground->commit, at->path);
    auto body = bytes.stored_at_once(*entry.digest, on_disk, response->served);
    if (!body) return std::nullopt;
    response->body = *std::move(body);
    if (is_use_due) services.blobs.note_use(*entry.digest);
  }
  ground->note_read(services);
  return response;
}

std::optional<StoredFiles::Known> StoredFiles::look(const InFolder& at, bool is_read,
                                                    WallTime now) {
  const std::shared_lock lock(mutex_, std::try_to_lock);
  if (!lock) return std::nullopt;
  const auto folder = folders_.find(at.folder);
  if (folder == folders_.end()) return std::nullopt;
  const auto found = folder->second.files.find(at.path);
  if (found == folder->second.files.end()) return std::nullopt;
  auto& file = found->second;
  const auto uses = uses_.fetch_add(1, std::memory_order_relaxed);
  shared(folder->second.used).store(uses, std::memory_order_relaxed);
  Known known{.ground = folder->second.ground, .entry = entry_of(file), .on_disk = file.on_disk};
  if (is_read) {
    known.is_hot = is_hot(file, uses);
    known.is_use_due = is_use_due(file, minutes_of(now));
  }
  return known;
}

bool StoredFiles::is_hot(File& file, std::uint64_t uses) {
  const auto now = static_cast<std::uint32_t>(uses);
  const auto counted_from = shared(file.counted_from);
  const auto reads = shared(file.reads);
  if (now - counted_from.load(std::memory_order_relaxed) > kWarmWindow) {
    counted_from.store(now, std::memory_order_relaxed);
    reads.store(0, std::memory_order_relaxed);
  }
  if (reads.fetch_add(1, std::memory_order_relaxed) + 1 < kWarmReads) return false;
  reads.store(0, std::memory_order_relaxed);
  return true;
}

bool StoredFiles::is_use_due(File& file, std::uint32_t now) {
  const auto used = shared(file.used);
  if (now - used.load(std::memory_order_relaxed) < kUseInterval) return false;
  used.store(now, std::memory_order_relaxed);
  return true;
}

bool StoredFiles::keep(const http::Request& request, const Services& services, const Ground& ground,
                       const hub::FileRef& name, const catalog::Entry& entry, const Fd& file) {
  const auto at = in_folder(request.target);
  // In another spelling it is another's path, and the folder one of many names.
  const bool is_as_spelled = at && at->path == name.path &&
                             at->folder.ends_with(joined({"/resolve/", name.revision, "/"}));
  // It was asked for before: a rule may refuse it by now.
  const bool can_be_known =
      is_as_spelled && at->path.size() <= kLongestPath && ground.holds(services);
  const auto on_disk = can_be_known ? services.store.size(file) : std::nullopt;
  if (!on_disk) return false;
  File known{.digest = entry.digest->bytes(),
             .on_disk = *on_disk,
             .lfs = entry.lfs,
             .used = minutes_of(services.store.clock().now())};
  if (!is_same(entry_of(known), entry)) return false;

  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return false;
  auto& folder = folder_at(at->folder, services, ground);
  const auto before = folder.files.find(at->path);
  if (before != folder.files.end()) {
    known.counted_from = before->second.counted_from;
    known.reads = before->second.reads;
    before->second = known;
    return true;
  }
  const std::size_t needed = kFileBytes + at->path.size();
  if (bytes_ + needed > kMostBytes && folders_.size() > 1) drop_oldest();
  if (bytes_ + needed > kMostBytes) return false;
  folder.files.emplace(std::string(at->path), known);
  folder.bytes += needed;
  bytes_ += needed;
  return false;
}

std::optional<Digest> StoredFiles::digest_of(const store::Store& store, const Fd& file) const {
  const auto is = store.size(file);
  if (!is) return std::nullopt;
  const std::shared_lock lock(mutex_);
  for (const auto& [prefix, folder] : folders_) {
    for (const auto& [path, known] : folder.files) {
      const bool is_it = known.on_disk.inode == is->inode && known.on_disk.size == is->size;
      if (is_it) return entry_of(known).digest;
    }
  }
  return std::nullopt;
}

StoredFiles::Folder& StoredFiles::folder_at(std::string_view prefix, const Services& services,
                                            const Ground& ground) {
  const auto uses = uses_.load(std::memory_order_relaxed);
  const auto known = folders_.find(prefix);
  if (known != folders_.end()) {
    auto& folder = known->second;
    folder.used = uses;
    if (folder.ground->is_same(ground) && services.rules.are_in_force(folder.ground->rules)) {
      return folder;
    }
    clear(folder);
    folder.ground = std::make_shared<const Ground>(ground);
    return folder;
  }
  if (folders_.size() >= kMostFolders) drop_oldest();
  Folder folder{.ground = std::make_shared<const Ground>(ground), .used = uses};
  return folders_.emplace(std::string(prefix), std::move(folder)).first->second;
}

void StoredFiles::clear(Folder& folder) {
  bytes_ -= std::exchange(folder.bytes, 0);
  folder.files = {};
}

void StoredFiles::drop_oldest() {
  const auto oldest =
      std::ranges::min_element(folders_, {}, [](const auto& folder) { return folder.second.used; });
  if (oldest == folders_.end()) return;
  clear(oldest->second);
  folders_.erase(oldest);
}

}  // namespace hubcache::content
