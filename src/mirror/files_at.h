#pragma once

#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/catalog/manifests.h"
#include "hubcache/db/database.h"
#include "hubcache/hub/probe.h"

namespace hubcache::mirror {

/// All files of a commit, in the order of their paths; its tree is read whole, unless it is known.
/// Throws what stops that, kUpstream when what was read is not kept.
Task<std::vector<catalog::KeptEntry>> files_at(db::Database& database,
                                               catalog::Manifests& manifests, hub::Flights& flights,
                                               catalog::Manifests::Wanted tree);

}  // namespace hubcache::mirror
