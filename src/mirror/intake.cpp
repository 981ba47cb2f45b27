#include "hubcache/mirror/intake.h"

#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "hubcache/base/error.h"

namespace hubcache::mirror {
namespace {

constexpr const char* kIntakeOrigin = "import";  // its bytes are mixed with no hub's
constexpr std::size_t kMostParts = 16;
constexpr std::uint64_t kCheckpointEvery = std::uint64_t{64} << 20;
constexpr std::chrono::seconds kPatience{60};

}  // namespace

/// A blob in the making.
struct Intake::Part {
  std::unique_ptr<store::Staging> staging;
  std::chrono::steady_clock::time_point used = std::chrono::steady_clock::now();
};

Intake::Intake(Services services) : services_(services) {}
Intake::~Intake() = default;

Task<std::vector<bool>> Intake::proven(hub::EndpointPtr twin, hub::RepoId repo,
                                       std::vector<Digest> digests) {
  std::vector<bool> known;
  for (const auto& digest : digests) {
    bool here = co_await services_.proofs.is_proven(twin->origin_key(), repo.key(), digest);
    if (here) here = co_await services_.store.contains(digest);
    known.push_back(here);
  }
  co_return known;
}

Task<Intake::Begun> Intake::begin(Digest digest, std::uint64_t size) {
  co_return co_await on(home(), begin_here(std::move(digest), size));
}

Task<> Intake::write(Digest digest, std::uint64_t offset, std::string bytes) {
  co_await on(home(), write_here(std::move(digest), offset, std::move(bytes)));
}

Task<> Intake::end(Digest digest) { co_await on(home(), end_here(std::move(digest))); }

// A part that somebody else began is dropped: who began it last has it.
Task<Intake::Begun> Intake::begin_here(Digest digest, std::uint64_t size) {
  if (co_await services_.store.contains(digest)) co_return Begun{.stored = true};
  parts_.erase(digest);
  if (parts_.size() >= kMostParts) {
    throw Error(Error::Kind::kUnavailable, "too many imports run at once");
  }
  store::StageRequest request{
      .digest = digest, .size = size, .origin = kIntakeOrigin, .via = kIntakeOrigin};
  auto part = std::make_shared<Part>();
  part->staging = co_await services_.store.stage(std::move(request));
  const auto have = part->staging->blocks().contiguous_end(0);
  parts_[digest] = std::move(part);
  if (!std::exchange(watching_, true)) {
    asio::co_spawn(home(), watch(shared_from_this()), [](const std::exception_ptr&) {});
  }
  co_return Begun{.have = have};
}

/// Parks what nobody writes to, so that it can be evicted and staged by others.
Task<> Intake::watch(std::shared_ptr<Intake> self) {
  Timer timer(self->home());
  while (!self->parts_.empty()) {
    timer.expires_after(kPatience);
    co_await timer.async_wait(use_task);
    const auto since = std::chrono::steady_clock::now() - kPatience;
    std::erase_if(self->parts_, [since](const auto& item) { return item.second->used < since; });
  }
  self->watching_ = false;
}

std::shared_ptr<Intake::Part> Intake::part_of(const Digest& digest) {
  const auto found = parts_.find(digest);
  if (found == parts_.end()) {
    throw Error(Error::Kind::kConflict, "this blob is not being imported, or by another import");
  }
  found->second->used = std::chrono::steady_clock::now();
  return found->second;
}

Task<> Intake::write_here(Digest digest, std::uint64_t offset, std::string bytes) {
  const auto part = part_of(digest);
  co_await part->staging->write(offset, std::as_bytes(std::span(bytes)));
  if (part->staging->bytes_since_checkpoint() >= kCheckpointEvery) {
    co_await part->staging->checkpoint();
  }
}

Task<> Intake::end_here(Digest digest) {
  const auto part = part_of(digest);
  parts_.erase(digest);
  auto& staging = *part->staging;
  if (!staging.blocks().complete()) {
    throw Error(Error::Kind::kCorrupt, "its bytes ended too soon");
  }
  bool right = true;
  try {
    co_await staging.verify();
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kCorrupt) throw;
    right = false;
  }
  if (!right) {
    co_await staging.discard();
    throw Error(Error::Kind::kCorrupt, "its bytes are not what its digest says");
  }
  co_await staging.seal();
}

Task<> Intake::keep_files(hub::EndpointPtr twin, Description commit, bool replace) {
  std::vector<catalog::ImportedFile> files;
  std::vector<Digest> proven;
  for (auto& file : commit.files) {
    if (!file.left_out && file.size > 0) {
      const auto blob = co_await services_.store.open(file.digest);
      if (!blob || blob->size != file.size) {
        throw Error(Error::Kind::kConflict,
                    file.path + " has another size, or was evicted meanwhile");
      }
      proven.push_back(file.digest);
    }
    files.push_back(std::move(file));
  }
  co_await services_.proofs.record_all(twin->origin_key(), commit.repo.key(), std::move(proven));
  co_await services_.imported.keep_files(std::move(twin), std::move(commit.repo),
                                         std::move(commit.commit), std::move(files), replace);
}

Task<> Intake::keep_commit(hub::EndpointPtr twin, Description commit, bool readable) {
  co_await services_.imported.keep_commit(twin, commit.repo, commit.commit, std::move(commit.info),
                                          commit.whole);
  commit.revisions.push_back(commit.commit);
  for (auto& revision : commit.revisions) {
    co_await services_.catalog.learn_commit(twin, commit.repo, std::move(revision), commit.commit);
  }
  if (readable) {
    co_await services_.access.admit_imported(std::move(twin), std::move(commit.repo),
                                             std::move(commit.names));
  }
}

}  // namespace hubcache::mirror
