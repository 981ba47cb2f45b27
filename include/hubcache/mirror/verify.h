#pragma once

#include <cstdint>

#include "hubcache/base/task.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

namespace hubcache::mirror {

/// Hashes every stored blob again, at most `rate` bytes a second (0: as fast as it goes). What is
/// wrong goes, as store::Store::check() says; nothing is asked upstream, the next use fetches it
/// anew. Reports `verify.checked`, `verify.false` and `verify.missing`.
Task<> verify(store::Store& store, std::uint64_t rate, tasks::Run& run);

}  // namespace hubcache::mirror
