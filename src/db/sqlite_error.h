#pragma once

#include <SQLiteCpp/Exception.h>

namespace hubcache::db {

/// Throws the Error that SQLite's failure means to us.
[[noreturn]] void throw_error(const SQLite::Exception& failure);

/// Runs `act`, with SQLite's failures turned into Error.
template <typename F>
decltype(auto) guarded(F act) {
  try {
    return act();
  } catch (const SQLite::Exception& failure) {
    throw_error(failure);
  }
}

}  // namespace hubcache::db
