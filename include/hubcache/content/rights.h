#pragma once

#include <chrono>

#include "hubcache/access/grants.h"
#include "hubcache/content/services.h"
#include "hubcache/hub/probe.h"

namespace hubcache::content {

/// Who comes through a place may read this: so the Hub says (access::Access), and so do the rules
/// of the distribution, of the repo by its canonical name. By the name it was asked by they were
/// asked before (Content). What `place` has outlives the call.

/// The right to the probe's file. Throws the Hub's refusal, or a rule's; settles the probe.
Task<access::Right> require_read(Services& services, const Place& place, hub::Probe& probe);
/// The right to the repo's documents. A refusal of the Hub is a value, a rule's is thrown. What is
/// known for no longer than `at_least` is asked anew.
Task<access::Right> right_of_repo(Services& services, const Place& place, hub::RepoId repo,
                                  std::chrono::milliseconds at_least = {});
/// The same, the Hub's refusal thrown too.
Task<access::Right> require_repo(Services& services, const Place& place, hub::RepoId repo,
                                 std::chrono::milliseconds at_least = {});
/// The same for what may show any of the repo's files.
Task<access::Right> require_all_files(Services& services, const Place& place, hub::RepoId repo);

/// What the Hub refused, as it is told.
Error error_of(const access::Refusal& refusal);

}  // namespace hubcache::content
