#pragma once

#include "shared.h"

namespace hubcache::store {

/// Makes the directories, and brings rows of fills and the files in fills/ together: what has no
/// partner goes. Counts what blobs (by their rows) and parts take. Never looks at blobs. Blocks.
void recover_files(Shared& shared);

}  // namespace hubcache::store
