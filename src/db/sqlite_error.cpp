#include "sqlite_error.h"

#include <string>
#include <string_view>

#include <sqlite3.h>

#include "hubcache/base/error.h"
#include "hubcache/db/damage.h"

namespace hubcache::db {
namespace {

constexpr const char* kDamage = "the database is damaged";

}  // namespace

bool is_damage(const Error& error) {
  return error.kind() == Error::Kind::kCorrupt && error.what() == std::string_view(kDamage);
}

void throw_error(const SQLite::Exception& failure) {
  std::string context = "sqlite: " + std::string(failure.what()) + " (" +
                        std::to_string(failure.getExtendedErrorCode()) + ")";
  if (failure.getExtendedErrorCode() == SQLITE_IOERR_SHMSIZE) {
    throw Error(Error::Kind::kNoSpace,
                "there is no space left to open the database: free 4 MiB of its file system",
                std::move(context));
  }
  constexpr int kPrimaryCode = 0xff;
  switch (failure.getErrorCode() & kPrimaryCode) {
    case SQLITE_FULL:
      throw Error(Error::Kind::kNoSpace, "there is no space left", std::move(context));
    case SQLITE_CONSTRAINT:
      throw Error(Error::Kind::kConflict, "it conflicts with what exists", std::move(context));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(Error::Kind::kUnavailable, "the database is busy", std::move(context));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(Error::Kind::kCorrupt, kDamage, std::move(context));
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      throw Error(Error::Kind::kInternal, "an internal error", std::move(context));
    default:
      throw Error(Error::Kind::kIo, "the database failed", std::move(context));
  }
}

}  // namespace hubcache::db
