#include "hubcache/content/stored_files.h"

#include <chrono>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"
#include "hubcache/http/range.h"

#include "file_response.h"

namespace hubcache::content {
namespace {

constexpr std::size_t kLongestPath = 256;  // clients choose it

/// nullopt: there is none.
std::optional<StoredTable::Name> name_of(std::string_view target) {
  constexpr std::string_view kResolve = "/resolve/";
  const auto resolve = target.find(kResolve);
  if (resolve == std::string_view::npos) return std::nullopt;
  const auto revision = target.find('/', resolve + kResolve.size());
  if (revision == std::string_view::npos) return std::nullopt;
  return StoredTable::Name{.folder = target.substr(0, revision + 1),
                           .path = target.substr(revision + 1)};
}

catalog::Entry entry_of(const StoredTable::File& file) {
  using Algorithm = Digest::Algorithm;
  const auto algorithm = file.lfs ? Algorithm::kSha256 : Algorithm::kGitSha1;
  auto digest = Digest::from_bytes(algorithm, file.digest);
  return {.etag = digest.hex(),
          .digest = std::move(digest),
          .size = file.on_disk.size,
          .lfs = file.lfs};
}

bool is_same(const catalog::Entry& a, const catalog::Entry& b) {
  return a.etag == b.etag && a.digest == b.digest && a.size == b.size && a.lfs == b.lfs;
}

/// The answer to HEAD, or that it has not changed; nullopt: all of the file is to be sent.
std::optional<http::Response> without_body(const http::Request& request, const Ground& ground,
                                           const catalog::Entry& entry, std::string_view path) {
  if (!request.is_head() && !request.headers.has("If-None-Match")) return std::nullopt;
  auto response = file_response(entry, ground.commit, path);
  const auto plan = http::apply_conditions(request, '"' + entry.etag + '"', entry.size, response);
  if (plan.status == http_status::kOk && !request.is_head()) return std::nullopt;
  return response;
}

std::chrono::minutes minutes_at(const Clock& clock) {
  return std::chrono::floor<std::chrono::minutes>(clock.now()).time_since_epoch();
}

}  // namespace

std::optional<http::Response> StoredFiles::find(const http::Request& request,
                                                const Services& services, FileBytes& bytes) {
  const auto name = name_of(request.target);
  if (!name || (request.method != "GET" && !request.is_head())) return std::nullopt;
  const auto found = table_.find(*name, !request.is_head(), minutes_at(services.store.clock()));
  if (!found || found->is_hot || !found->ground->holds(services)) return std::nullopt;
  const auto& ground = *found->ground;
  const auto entry = entry_of(found->file);
  const auto known = services.catalog.entry_at_once(joined({ground.keys.folder, name->path}));
  if (known && (*known == nullptr || !is_same(**known, entry))) return std::nullopt;
  // Xet may have it, and then is offered.
  if (request.is_head() && entry.lfs) return std::nullopt;

  auto response = without_body(request, ground, entry, name->path);
  if (!response) {
    response = whole_file_response(entry, ground.commit, name->path);
    auto body = bytes.stored_at_once(*entry.digest, found->file.on_disk, response->served);
    if (!body) return std::nullopt;
    response->body = *std::move(body);
  }
  if (found->is_use_due) services.blobs.note_use(*entry.digest);
  ground.note_read(services);
  return response;
}

bool StoredFiles::keep(const http::Request& request, const Services& services, const Ground& ground,
                       const hub::FileRef& name, const catalog::Entry& entry, const Fd& file) {
  const auto at = name_of(request.target);
  // In another spelling it is another's path, and the folder one of many names.
  const bool is_as_spelled =
      at && at->path == name.path &&
      at->folder.ends_with(joined({"/", name.repo.name, "/resolve/", name.revision, "/"}));
  // It was asked for before: a rule may refuse it by now.
  const bool can_be_known =
      is_as_spelled && at->path.size() <= kLongestPath && ground.holds(services);
  const auto on_disk = can_be_known ? services.store.size(file) : std::nullopt;
  if (!on_disk) return false;
  const StoredTable::File known{
      .digest = entry.digest->bytes(), .on_disk = *on_disk, .lfs = entry.lfs};
  return is_same(entry_of(known), entry) &&
         table_.keep(*at, ground, known, minutes_at(services.store.clock()));
}

std::optional<Digest> StoredFiles::digest_of(const store::Store& store, const Fd& file) const {
  const auto on_disk = store.size(file);
  const auto found = on_disk ? table_.file_of(*on_disk) : std::nullopt;
  if (!found) return std::nullopt;
  return entry_of(*found).digest;
}

}  // namespace hubcache::content
