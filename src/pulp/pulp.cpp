#include "hubcache/pulp/pulp.h"

#include <utility>

#include "hubcache/base/stamps.h"
#include "hubcache/registry/load.h"

#include "resources.h"
#include "status.h"

namespace hubcache::pulp {
namespace {

rest::Hooks hooks_of(const Services& services, const std::string& root, bool offline) {
  auto stamps = std::make_shared<Stamps>(services.clock);
  auto record = [&secrets = services.secrets, stamps, root](db::Connection& sql,
                                                            const rest::FinishedTask& task) {
    return record_task(sql, secrets, *stamps, root, task);
  };
  // Only the thread that writes to the database touches `latest`. When its transaction fails after
  // all, the version of `latest` tells load_changes() that it is not the state before.
  auto latest =
      std::make_shared<std::shared_ptr<const registry::Snapshot>>(services.registry.current(0));
  auto changed = [&secrets = services.secrets, &registry = services.registry, offline,
                  latest](db::Connection& sql) -> rest::Publication {
    registry::touch(sql);
    *latest = registry::load_changes(sql, secrets, **latest, offline);
    return [&registry, snapshot = *latest] { return registry.publish(snapshot); };
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
  const auto add = [&resources](std::vector<rest::Resource> more) {
    for (auto& resource : more) resources.push_back(std::move(resource));
  };
  add(guards());
  add({repository(), repository_version(), publication()});
  add({content(), all_content(), artifact(options.data_dir)});
  add({user(), group(), role(), upload(), worker(services.clock)});
  add(lists_of_all_kinds(with));
  auto views = status_views(services, options, resources);
  for (auto& view : task_views(services, options.rest)) views.push_back(std::move(view));
  for (auto& view : action_views(services, options.rest.root)) views.push_back(std::move(view));
  for (auto& view : upkeep_views(services, options.rest.root)) views.push_back(std::move(view));
  for (auto& view : made_elsewhere()) views.push_back(std::move(view));
  options.rest.versions = versions();
  auto verbs = actions(services, options.rest.root);
  for (auto& verb : upkeep(services, options.rest.root)) verbs.push_back(std::move(verb));
  auto hooks = hooks_of(services, options.rest.root, options.offline);
  return std::make_unique<rest::Api>(std::move(resources), std::move(verbs), std::move(views),
                                     std::move(options.rest), std::move(hooks), services.database,
                                     services.secrets, services.accounts, services.clock,
                                     services.log);
}

}  // namespace hubcache::pulp
