#pragma once

#include <memory>

#include "hubcache/access/grants.h"
#include "hubcache/content/services.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// What the Hub's API would say of a repo that was imported, made of its rows, whatever the query
/// is: info, tree, paths-info and refs. `place.endpoint` is a twin (hub/imported.h), `right` the
/// caller's. Throws the Hub's 404 for revisions, and kUpstream for what the import does not tell.
Task<std::shared_ptr<const hub::DocumentAnswer>> imported_document(Services& services,
                                                                   const http::Request& request,
                                                                   const Place& place,
                                                                   hub::Route asked);

}  // namespace hubcache::content
