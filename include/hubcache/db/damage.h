#pragma once

#include "hubcache/base/error.h"

namespace hubcache::db {

/// Does the error say that the database itself is damaged? Only `hubcache rebuild` helps then.
bool is_damage(const Error& error);

}  // namespace hubcache::db
