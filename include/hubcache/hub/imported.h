#pragma once

#include <string>

#include "hubcache/hub/hub.h"

namespace hubcache::hub {

/// What `hubcache import` brings is kept apart from what the Hub said, under an endpoint of its own
/// beside each remote's: its rights, commits, entries and proofs have its scope as key. Such an
/// endpoint is offline, so nothing that was imported is ever mixed with an answer of the Hub, and
/// only requests to a remote that is offline come to it (SECURITY 24).
EndpointPtr imported_twin(const Endpoint& endpoint);
bool is_imported(const Endpoint& endpoint);
/// The scope of the twin of an endpoint with that scope.
std::string imported_scope(const std::string& scope);

}  // namespace hubcache::hub
