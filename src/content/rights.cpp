#include "hubcache/content/rights.h"

#include <utility>

#include "hubcache/hub/refusal.h"

namespace hubcache::content {

Task<access::Right> require_read(Services& services, const Place& place, hub::Probe& probe) {
  auto right = co_await services.access.require_read(probe);
  place.rules.require_file(probe.file());
  co_return right;
}

Task<access::Right> right_of_repo(Services& services, const Place& place, hub::RepoId repo,
                                  std::chrono::milliseconds at_least) {
  auto right = co_await services.access.right_of_repo(place.endpoint, place.credential,
                                                      std::move(repo), services.flights, at_least);
  place.rules.require_repo(right.repo);
  co_return right;
}

Task<access::Right> require_repo(Services& services, const Place& place, hub::RepoId repo,
                                 std::chrono::milliseconds at_least) {
  auto right = co_await right_of_repo(services, place, std::move(repo), at_least);
  if (right.refused()) throw error_of(right.refusal);
  co_return right;
}

Task<access::Right> require_all_files(Services& services, const Place& place, hub::RepoId repo) {
  auto right = co_await require_repo(services, place, std::move(repo));
  place.rules.require_all_files(right.repo);
  co_return right;
}

Error error_of(const access::Refusal& refusal) {
  return hub::refusal_of(refusal.status, refusal.code, refusal.message, {});
}

}  // namespace hubcache::content
