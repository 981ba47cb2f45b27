#pragma once

#include "hubcache/base/error.h"
#include "hubcache/hub/types.h"

namespace hubcache::catalog {

/// Then what is known may serve for longer.
bool origin_is_down(const Error& error);
/// Whatever the Hub redirected to is another repo: nothing is learned of it by this name
/// (SECURITY 9).
void require_same_repo(const hub::FileAnswer& answer, const hub::RepoId& repo);

}  // namespace hubcache::catalog
