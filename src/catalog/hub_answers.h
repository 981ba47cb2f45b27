#pragma once

#include <memory>

#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/probe.h"
#include "hubcache/hub/types.h"

namespace hubcache::catalog {

/// Then what is known may serve for longer.
bool can_be_waited_out(const Error& error);
/// What the Hub says of the probe's file. Null when it cannot be asked and what is known is
/// `usable` meanwhile, for which nobody waits long. Throws all other trouble.
Task<std::shared_ptr<const hub::FileAnswer>> head_unless_usable(hub::Probe& probe, bool usable);
/// Whatever the Hub redirected to is another repo: nothing is learned of it by this name
/// (SECURITY 9).
void require_same_repo(const hub::FileAnswer& answer, const hub::RepoId& repo);

}  // namespace hubcache::catalog
