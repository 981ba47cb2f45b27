#include "hubcache/content/ground.h"

namespace hubcache::content {

Ground Ground::of(const Place& place, const hub::FileRef& file, const std::string& commit) {
  Ground ground{
      .registry = place.registry,
      .rules = place.rules.version(),
      .right = access::Access::public_key(*place.endpoint, file.repo),
      .keys = catalog::Catalog::keys_of(*place.endpoint, file.repo, file.revision, commit),
      .commit = commit};
  if (place.immediate) {
    ground.prefetched = place.endpoint;
    ground.repo = file.repo;
  }
  return ground;
}

bool Ground::holds(const Services& services) const {
  return services.registry.current(services.worker)->version() == registry &&
         services.rules.is_in_force(rules) && services.access.is_public_at_once(right) &&
         services.catalog.is_at(keys, commit);
}

bool Ground::is_same(const Ground& other) const {
  return registry == other.registry && rules == other.rules && right == other.right &&
         keys == other.keys && commit == other.commit && !prefetched == !other.prefetched;
}

void Ground::note_read(const Services& services) const {
  if (prefetched) services.prefetch(*prefetched, repo, commit);
}

}  // namespace hubcache::content
