// A SQLite VFS over the system's (sqlite.org/vfs.html). Locks and shared memory are passed on: a
// WAL index does not outlive the processes that share it, so a crash has nothing to lose there.
#include "support/sqlite_disk.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace hubcache::test {

struct SqliteOnDisk::Vfs {
  sqlite3_vfs table{};
  sqlite3_vfs* system = nullptr;
  FaultyDisk* disk = nullptr;
};

namespace {

using Call = FaultyDisk::Call;

/// What SQLite knows as a file; the system's own follows it in memory.
struct File {
  sqlite3_file base;
  FaultyDisk* disk;
  std::string* path;  // null for temporary files, which no crash can lose
  sqlite3_file* inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* inner_of(sqlite3_file* file) { return file_of(file).inner(); }
const sqlite3_io_methods& of(sqlite3_file* file) { return *inner_of(file)->pMethods; }

int close_file(sqlite3_file* file) {
  const int result = of(file).xClose(inner_of(file));
  delete file_of(file).path;
  return result;
}

int read_file(sqlite3_file* file, void* into, int count, sqlite3_int64 offset) {
  return of(file).xRead(inner_of(file), into, count, offset);
}

/// What a write of that many bytes there replaces is remembered until the file is synced.
void remember(File& file, int count, sqlite3_int64 offset) {
  if (file.path == nullptr) return;
  sqlite3_int64 size = 0;
  file.inner()->pMethods->xFileSize(file.inner(), &size);
  std::vector<char> before(
      static_cast<std::size_t>(std::clamp<sqlite3_int64>(size - offset, 0, count)));
  if (!before.empty()) {
    file.inner()->pMethods->xRead(file.inner(), before.data(), static_cast<int>(before.size()),
                                  offset);
  }
  auto revert = [path = *file.path, before, offset, size] {
    const Fd out(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!out) return;
    if (::pwrite(out.get(), before.data(), before.size(), offset) < 0) return;
    if (::ftruncate(out.get(), size) != 0) return;
  };
  file.disk->remember_other(*file.path, std::move(revert));
}

int write_file(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  auto& my = file_of(file);
  if (const int failure = my.disk->count_other(Call::kWrite)) {
    return failure == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  remember(my, count, offset);
  return of(file).xWrite(inner_of(file), bytes, count, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  auto& my = file_of(file);
  if (my.disk->count_other(Call::kWrite) != 0) return SQLITE_IOERR_TRUNCATE;
  sqlite3_int64 before = 0;
  of(file).xFileSize(inner_of(file), &before);
  if (before > size) remember(my, static_cast<int>(before - size), size);
  return of(file).xTruncate(inner_of(file), size);
}

int sync_file(sqlite3_file* file, int /*flags*/) {
  auto& my = file_of(file);
  if (my.disk->count_other(Call::kSync) != 0) return SQLITE_IOERR_FSYNC;
  if (my.path != nullptr) my.disk->sync_other(*my.path);
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return of(file).xFileSize(inner_of(file), size);
}
int lock_file(sqlite3_file* file, int level) { return of(file).xLock(inner_of(file), level); }
int unlock_file(sqlite3_file* file, int level) { return of(file).xUnlock(inner_of(file), level); }
int is_reserved(sqlite3_file* file, int* result) {
  return of(file).xCheckReservedLock(inner_of(file), result);
}
int control_file(sqlite3_file* file, int what, void* value) {
  return of(file).xFileControl(inner_of(file), what, value);
}
int sector_size(sqlite3_file* file) { return of(file).xSectorSize(inner_of(file)); }
int characteristics(sqlite3_file* file) { return of(file).xDeviceCharacteristics(inner_of(file)); }
int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  return of(file).xShmMap(inner_of(file), region, size, extend, memory);
}
/// Who reads takes a lock, whether what it reads is in memory or not. No step of a crash.
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  const bool reads = (flags & SQLITE_SHM_LOCK) != 0 && (flags & SQLITE_SHM_SHARED) != 0;
  if (reads) file_of(file).disk->wait_for(Call::kRead);
  return of(file).xShmLock(inner_of(file), offset, count, flags);
}
void barrier_shared(sqlite3_file* file) { of(file).xShmBarrier(inner_of(file)); }
int unmap_shared(sqlite3_file* file, int remove) {
  return of(file).xShmUnmap(inner_of(file), remove);
}

constexpr sqlite3_io_methods kMethods{.iVersion = 2,  // without memory maps
                                      .xClose = close_file,
                                      .xRead = read_file,
                                      .xWrite = write_file,
                                      .xTruncate = truncate_file,
                                      .xSync = sync_file,
                                      .xFileSize = file_size,
                                      .xLock = lock_file,
                                      .xUnlock = unlock_file,
                                      .xCheckReservedLock = is_reserved,
                                      .xFileControl = control_file,
                                      .xSectorSize = sector_size,
                                      .xDeviceCharacteristics = characteristics,
                                      .xShmMap = map_shared,
                                      .xShmLock = lock_shared,
                                      .xShmBarrier = barrier_shared,
                                      .xShmUnmap = unmap_shared,
                                      .xFetch = nullptr,
                                      .xUnfetch = nullptr};

SqliteOnDisk::Vfs& vfs_of(sqlite3_vfs* vfs) {
  return *static_cast<SqliteOnDisk::Vfs*>(vfs->pAppData);
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* got) {
  auto& my = vfs_of(vfs);
  auto& opened = file_of(file);
  opened.base.pMethods = nullptr;
  const int result = my.system->xOpen(my.system, name, opened.inner(), flags, got);
  if (result != SQLITE_OK) return result;
  opened.base.pMethods = &kMethods;
  opened.disk = my.disk;
  opened.path = name == nullptr ? nullptr : new std::string(name);
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync) {
  auto& my = vfs_of(vfs);
  if (my.disk->count_other(Call::kName) != 0) return SQLITE_IOERR_DELETE;
  return my.system->xDelete(my.system, name, sync);
}

}  // namespace

SqliteOnDisk::SqliteOnDisk(FaultyDisk& disk) : vfs_(std::make_unique<Vfs>()) {
  vfs_->system = sqlite3_vfs_find(nullptr);
  vfs_->disk = &disk;
  vfs_->table = *vfs_->system;
  vfs_->table.zName = "faulty disk";
  vfs_->table.pNext = nullptr;
  vfs_->table.pAppData = vfs_.get();
  vfs_->table.szOsFile = static_cast<int>(sizeof(File)) + vfs_->system->szOsFile;
  vfs_->table.xOpen = open_file;
  vfs_->table.xDelete = delete_file;
  sqlite3_vfs_register(&vfs_->table, 1);
}

SqliteOnDisk::~SqliteOnDisk() {
  sqlite3_vfs_unregister(&vfs_->table);
  sqlite3_vfs_register(vfs_->system, 1);
}

}  // namespace hubcache::test
