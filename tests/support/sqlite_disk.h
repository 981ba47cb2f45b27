#pragma once

#include <memory>

#include "support/faulty_disk.h"

namespace hubcache::test {

/// While it lives, every SQLite database that is opened lies on `disk`: its writes and syncs are
/// calls of that disk's, fail with it, and what SQLite did not sync is lost in its crash. Readers
/// wait while reading is held. One at a time; no database may be open when it comes or goes.
class SqliteOnDisk {
 public:
  explicit SqliteOnDisk(FaultyDisk& disk);
  ~SqliteOnDisk();
  SqliteOnDisk(const SqliteOnDisk&) = delete;
  SqliteOnDisk& operator=(const SqliteOnDisk&) = delete;

  struct Vfs;

 private:
  std::unique_ptr<Vfs> vfs_;
};

}  // namespace hubcache::test
