#include "hubcache/registry/registry.h"

#include <utility>

namespace hubcache::registry {
namespace {

/// The same snapshot under a reference count of its own: requests of different workers then do not
/// fight for one cache line.
std::shared_ptr<const Snapshot> own_reference(std::shared_ptr<const Snapshot> snapshot) {
  const Snapshot* object = snapshot.get();
  auto holder = std::make_shared<std::shared_ptr<const Snapshot>>(std::move(snapshot));
  return {std::move(holder), object};
}

}  // namespace

Registry::Registry(Workers& workers, const std::shared_ptr<const Snapshot>& first)
    : workers_(workers), slots_(workers.size()) {
  for (auto& slot : slots_) slot.snapshot = own_reference(first);
}

Task<> Registry::publish(std::shared_ptr<const Snapshot> next) {
  for (std::size_t worker = 0; worker < slots_.size(); ++worker) {
    co_await on(workers_.executor(worker), swap(worker, next));
  }
}

Task<> Registry::swap(std::size_t worker, std::shared_ptr<const Snapshot> next) {
  auto& slot = slots_[worker];
  if (slot.snapshot->version() < next->version()) slot.snapshot = own_reference(std::move(next));
  co_return;
}

}  // namespace hubcache::registry
