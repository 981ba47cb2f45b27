#include "recovery.h"

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "hubcache/base/error.h"

#include "part.h"
#include "rows.h"

namespace hubcache::store {
namespace {

/// All 256 of them at once, so that sealing a blob never has to make and sync one.
void make_blob_directories(Disk& disk, const std::filesystem::path& parent) {
  const auto names = disk.list(parent);
  const std::unordered_set<std::string> there(names.begin(), names.end());
  bool made = false;
  for (int i = 0; i < 256; ++i) {
    const std::string name = to_hex(std::string(1, static_cast<char>(i)));
    if (!there.contains(name)) made = disk.make_directory(parent / name) || made;
  }
  if (made) disk.sync_directory(parent);
}

void make_directories(Disk& disk, const Layout& layout) {
  bool made = disk.make_directory(layout.blobs());
  made = disk.make_directory(layout.fills()) || made;
  made = disk.make_directory(layout.quarantine()) || made;
  if (made) disk.sync_directory(layout.root());
  made = false;
  for (const auto* algorithm : {"sha256", "gitsha1"}) {
    made = disk.make_directory(layout.blobs() / algorithm) || made;
  }
  if (made) disk.sync_directory(layout.blobs());
  for (const auto* algorithm : {"sha256", "gitsha1"}) {
    make_blob_directories(disk, layout.blobs() / algorithm);
  }
}

/// A fill whose part is gone: it was sealed, and the row of the blob is still to be written, or
/// there is nothing of it.
void end_fill(Shared& shared, const std::string& name) {
  Part::remove_files(shared.disk, shared.layout, name);
  shared.database.write_now([&](db::Connection& sql) {
    const auto fill = find_fill(sql, name);
    drop_fill(sql, name);
    if (!fill) return;
    const auto digest = Digest::from_text(fill->digest);
    if (!digest || find_blob(sql, *digest)) return;
    const auto sealed = shared.disk.open(shared.layout.blob(*digest));
    if (!sealed) return;
    const auto size = shared.disk.size(*sealed);
    put_blob(sql, *digest,
             {.size = size.size, .on_disk = size.on_disk, .state = BlobState::kUnverified},
             shared.clock.now());
  });
}

void end_evictions(Shared& shared) {
  for (const auto& digest : shared.database.read_now(&leaving_blobs)) {
    shared.disk.remove(shared.layout.blob(digest));
    shared.database.write_now([&](db::Connection& sql) { take_blob(sql, digest); });
  }
}

std::string fill_of(const std::string& file) {
  for (const std::string_view ending : {".part", ".map"}) {
    if (file.ends_with(ending)) return file.substr(0, file.size() - ending.size());
  }
  return {};
}

/// What cannot be removed is not ours.
void remove_stray(Shared& shared, const std::filesystem::path& file) {
  try {
    shared.disk.remove(file);
  } catch (const Error& error) {
    shared.log.warn("a stray file cannot be removed", {{"context", error.context()}});
  }
}

}  // namespace

void recover_files(Shared& shared) {
  make_directories(shared.disk, shared.layout);

  const auto rows = shared.database.read_now(&fill_names);
  std::set<std::string> known(rows.begin(), rows.end());
  for (const auto& file : shared.disk.list(shared.layout.fills())) {
    if (!known.contains(fill_of(file))) remove_stray(shared, shared.layout.fills() / file);
  }
  for (const auto& name : rows) {
    if (const auto part = shared.disk.open(shared.layout.part(name))) {
      const std::uint64_t used =
          shared.disk.size(*part).on_disk + shared.disk.bytes_on_disk(shared.layout.map(name));
      shared.space.add_used(used);
      shared.fills.park(name, used);
    } else {
      end_fill(shared, name);
    }
  }
  for (const auto& file : shared.disk.list(shared.layout.quarantine())) {
    shared.space.add_used(shared.disk.bytes_on_disk(shared.layout.quarantine() / file));
  }
  end_evictions(shared);
  shared.space.add_used(shared.database.read_now(&bytes_of_blobs));
}

}  // namespace hubcache::store
