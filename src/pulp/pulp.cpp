#include "hubcache/pulp/pulp.h"

#include <utility>

#include "hubcache/registry/load.h"

#include "resources.h"
#include "status.h"

namespace hubcache::pulp {
namespace {

rest::Hooks hooks_of(const Services& services, const std::string& root, bool offline) {
  auto stamps = std::make_shared<rest::Stamps>(services.clock);
  auto record = [&secrets = services.secrets, stamps, root](db::Connection& sql,
                                                            const rest::FinishedTask& task) {
    return record_task(sql, secrets, *stamps, root, task);
  };
  auto changed = [&secrets = services.secrets, &registry = services.registry,
                  offline](db::Connection& sql) -> rest::Publication {
    registry::touch(sql);
    return [&registry, snapshot = registry::load(sql, secrets, offline)] {
      return registry.publish(snapshot);
    };
  };
  return {.record_task = std::move(record), .changed = std::move(changed)};
}

}  // namespace

std::unique_ptr<rest::Api> make_api(Services services, Options options) {
  const Described with{.mask_secrets = options.rest.mask_secrets,
                       .content_prefix = options.content_prefix};
  std::vector<rest::Resource> resources{remote(with), distribution(with),
                                        task(services.secrets, options.rest.mask_secrets),
                                        task_group()};
  for (auto& guard : guards()) resources.push_back(std::move(guard));
  auto views = status_views(services, options, resources);
  for (auto& view : task_views(services.database, services.secrets, options.rest)) {
    views.push_back(std::move(view));
  }
  auto hooks = hooks_of(services, options.rest.root, options.offline);
  return std::make_unique<rest::Api>(std::move(resources), std::vector<rest::Action>(),
                                     std::move(views), std::move(options.rest), std::move(hooks),
                                     services.database, services.secrets, services.accounts,
                                     services.clock, services.log);
}

}  // namespace hubcache::pulp
