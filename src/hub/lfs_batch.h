#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hubcache/http/url.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// The batch by which git-lfs asks where these can be had.
std::string lfs_batch(const std::vector<LfsObject>& objects);

/// Those of `asked` that the Hub's answer to a batch names, by digest and size, each with where it
/// is; what it says of others, or what is not understood, is left out. `base` is the URL that was
/// asked. Throws kUpstream for what is no such answer.
std::vector<LfsObject> lfs_objects_in(std::string_view body, const http::Url& base,
                                      const std::vector<LfsObject>& asked);

}  // namespace hubcache::hub
