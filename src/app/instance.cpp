#include "hubcache/app/instance.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <iostream>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "hubcache/access/accounts.h"
#include "hubcache/access/budgets.h"
#include "hubcache/access/grants.h"
#include "hubcache/access/guards.h"
#include "hubcache/access/proofs.h"
#include "hubcache/app/commands.h"
#include "hubcache/app/control.h"
#include "hubcache/app/key_file.h"
#include "hubcache/app/metrics.h"
#include "hubcache/app/notify.h"
#include "hubcache/app/site.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/share.h"
#include "hubcache/base/version.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/documents.h"
#include "hubcache/catalog/metadata_limit.h"
#include "hubcache/content/content.h"
#include "hubcache/content/stored_files.h"
#include "hubcache/db/database.h"
#include "hubcache/db/secrets.h"
#include "hubcache/fill/fills.h"
#include "hubcache/http/server.h"
#include "hubcache/hub/probe.h"
#include "hubcache/mirror/fetch.h"
#include "hubcache/mirror/intake.h"
#include "hubcache/mirror/orphans.h"
#include "hubcache/mirror/prefetch.h"
#include "hubcache/mirror/scrub.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/registry/load.h"
#include "hubcache/store/data_dir.h"
#include "hubcache/store/open_blobs.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"
#include "hubcache/web/health.h"
#include "hubcache/xet/tokens.h"

namespace hubcache::app {
namespace {

constexpr std::size_t kServingThreads = 8;
constexpr std::size_t kTextRoom = std::size_t{128} << 20;  // two of the largest documents
constexpr std::size_t kFreeForText = std::size_t{64} << 10;
// While another program has the database locked, a client waits that long for each of a few writes.
constexpr std::chrono::milliseconds kBusyTimeout{1'000};
// A command may take as long as it likes; it can be given again.
constexpr std::chrono::milliseconds kCommandDeadline{1'000};

std::size_t worker_count(const Config& config) {
  if (config.server.workers != 0) return config.server.workers;
  return std::max(1U, std::thread::hardware_concurrency());
}

/// A worker's share of a quarter of the descriptors: the rest is for connections, fills and the
/// database.
std::size_t most_open_blobs(std::size_t workers) {
  constexpr rlim_t kFewest = 16;
  constexpr rlim_t kMost = 8'192;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFewest;
  return std::clamp(limit.rlim_cur / 4 / workers, kFewest, kMost);
}

store::Options store_options(const Config& config) {
  const auto& storage = config.storage;
  const std::uint64_t disk = std::filesystem::space(storage.data_dir).capacity;
  const auto database = store::DataDir::database_in(storage.data_dir);
  return {.data_dir = storage.data_dir,
          .max_size = storage.max_size.of(disk),
          .min_free = storage.min_free.of(disk),
          .also_counted = {database, database.string() + "-wal", database.string() + "-shm"}};
}

/// Two of the longest bodies have room at a time.
http::Limits limits_of(const Config& config) {
  auto limits = config.server.limits;
  limits.max_unanswered_bytes = std::max(limits.max_unanswered_bytes, 2 * limits.max_body_bytes);
  return limits;
}

access::Access::Options grant_options(const Config& config) {
  return {.grant_ttl = config.cache.grant_ttl,
          .public_ttl = config.cache.public_grant_ttl,
          .refusal_ttl = config.cache.refusal_ttl,
          .stale_grants = config.cache.stale_grants,
          .remembered = share_of(40'000, worker_count(config))};
}

/// Downloads may all go to one origin, on one worker, and still leave connections to questions.
http::Client::Options client_options(const Config& config) {
  http::Client::Options options;
  options.user_agent = "hubcache/" + std::string(version());
  options.connections_per_origin += config.upstream.max_connections;
  options.proxies = config.upstream.proxies;
  return options;
}

bool is_loopback(const net::Listener& listener) {
  const std::string_view address = listener.address;
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("unix:");
}

catalog::Catalog::Options catalog_options(const Config& config) {
  return {.revision_ttl = config.cache.revision_ttl,
          .commit_ttl = config.cache.public_grant_ttl,
          .stale_commits = config.cache.stale_grants,
          .remembered = share_of(20'000, worker_count(config)),
          .locations = share_of(2'000, worker_count(config))};
}

catalog::NamedBlobs::Options named_options(const Config& config) {
  return {.ttl = config.cache.public_grant_ttl,
          .stale = config.cache.stale_grants,
          .remembered = share_of(40'000, worker_count(config)),
          .locations = share_of(2'000, worker_count(config))};
}

/// A small cache is there for files.
std::uint64_t most_metadata(const Config& config) {
  constexpr std::uint64_t kLeast = std::uint64_t{16} << 20;
  const std::uint64_t disk = std::filesystem::space(config.storage.data_dir).capacity;
  const std::uint64_t most = config.storage.max_size.of(disk);
  return std::min(config.storage.max_metadata, std::max((most == 0 ? disk : most) / 4, kLeast));
}

/// The same while nothing can go that would make up for it, by what is free beside the cache.
std::uint64_t most_metadata_on_full_disk(const store::Options& options) {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  return std::max(options.min_free / 2, kLeast);
}

catalog::Documents::Options document_options(const Config& config,
                                             const std::shared_ptr<MemoryRoom>& room,
                                             std::uint64_t max_metadata,
                                             catalog::DiskIsFull disk_is_full) {
  return {.ttl = config.cache.document_ttl,
          .remembered = share_of(512, worker_count(config)),
          .room = room,
          .max_metadata = max_metadata,
          .disk_is_full = std::move(disk_is_full)};
}

/// The distribution may come later, or was renamed: that is no reason not to start.
void tell_of_idle_rules(const registry::Snapshot& snapshot, const registry::Rules& rules,
                        obs::Log& log) {
  for (const auto& rule : rules) {
    for (const auto& name : rule.distributions) {
      const bool known = std::ranges::any_of(
          snapshot.distributions(), [&name](const auto& each) { return each.name == name; });
      if (!known) {
        log.error("a rule names a distribution that does not exist",
                  {{"rule", rule.name}, {"distribution", name}});
      }
    }
  }
}

}  // namespace

std::vector<db::Migration> all_migrations() {
  std::vector<db::Migration> all;
  const auto add = [&all](const auto& some) { all.insert(all.end(), some.begin(), some.end()); };
  add(store::migrations());
  add(registry::migrations());
  add(catalog::catalog_migrations());
  add(catalog::document_migrations());
  add(catalog::named_blob_migrations());
  add(access::account_migrations());
  add(access::grant_migrations());
  add(access::proof_migrations());
  add(tasks::migrations());
  add(mirror::migrations());
  add(mirror::scrub_migrations());
  add(pulp::migrations());
  return all;
}

struct Instance::Parts {
  Parts(Config c, const Clock& clk, obs::Log& lg, store::Disk& disk);

  SiteParts site_parts(std::size_t worker);
  void make_metrics();
  void serve_metrics(std::vector<net::Listener> listeners);
  int rate_of(std::string_view remote) const;
  std::shared_ptr<net::ServerTls> make_tls(const std::vector<net::Listener>& listeners) const;
  void make_prefetch();
  Workbench bench(std::string by);
  mirror::RepairParts repair_parts();
  Task<bool> refetch(Digest gone);
  void define_upkeep();
  Task<> look_for_lost();
  Task<std::uint64_t> trim_rights();
  Task<bool> make_metadata_room();
  void begin_upkeep();
  Task<> put_in_force(registry::Rules rules);
  template <typename T>
  void wait_for(Task<T> task);

  const Config config;
  const Clock& clock;
  obs::Log& log;
  store::DataDir data_dir;
  db::SecretBox secrets;
  xet::Tokens xet_tokens{secrets};
  Workers workers;
  Pool disk_pool{"disk", kServingThreads};
  db::Database database;
  store::Store store;
  const std::uint64_t max_metadata = most_metadata(config);
  const catalog::DiskIsFull disk_is_full = store.overdrawn_check();
  std::unique_ptr<registry::Registry> registry;
  registry::RuleBook rule_book{workers, config.rules};
  std::unique_ptr<access::Accounts> accounts;
  std::unique_ptr<access::Guards> guards;
  const std::shared_ptr<MemoryRoom> text_room =
      std::make_shared<MemoryRoom>(kTextRoom, kFreeForText);
  hub::Outages outages;
  hub::RateLimits limits;
  std::vector<std::unique_ptr<http::Client>> clients;  // by worker, as all that follow
  std::vector<std::unique_ptr<hub::Hub>> hubs;
  std::vector<hub::Hub*> hub_of_worker;
  std::vector<std::unique_ptr<store::OpenBlobs>> blobs;
  std::unique_ptr<hub::Flights> flights;
  std::unique_ptr<access::Access> access;
  access::Budgets budgets;
  access::Proofs proofs;
  catalog::Documents documents;
  catalog::Imported imported{database};
  catalog::Manifests manifests;
  catalog::Catalog catalog;
  catalog::NamedBlobs named;
  std::unique_ptr<fill::Fills> fills;
  tasks::Queue tasks;
  std::shared_ptr<mirror::Prefetch> prefetch;
  mirror::RefetchQueue refetches{repair_parts(), workers.executor(0), log};
  mirror::Scrub scrub;
  std::unique_ptr<mirror::Fetch> fetch;
  std::shared_ptr<mirror::Intake> intake;
  std::unique_ptr<rest::Api> api;
  content::StoredFiles stored_files;
  std::vector<std::unique_ptr<content::Content>> contents;
  web::Health health;
  std::string instance_id = to_hex(random_bytes(8));
  std::vector<std::unique_ptr<SiteCounts>> site_counts;  // by worker
  DamageNotice damage{log};
  std::unique_ptr<Metrics> metrics;
  const CommandRunner obey = [this](nlohmann::json command, std::string by) {
    return run_command(bench(std::move(by)), std::move(command));
  };
  std::unique_ptr<http::Server> server;
  std::unique_ptr<http::Server> metrics_server;  // null: metrics have no listeners of their own
  std::unique_ptr<Control> control;
  std::atomic<std::size_t> next_order{0};  // goes to this worker
};

Instance::Parts::Parts(Config c, const Clock& clk, obs::Log& lg, store::Disk& disk)
    : config(std::move(c)),
      clock(clk),
      log(lg),
      data_dir(store::DataDir::open(config.storage.data_dir)),
      secrets(db::SecretBox::load(key_file(config, data_dir))),
      workers(worker_count(config)),
      database({.file = data_dir.database(), .busy_timeout = kBusyTimeout}, all_migrations(), log),
      store(store_options(config), disk, database, disk_pool, workers.executor(0), clock, log),
      outages({.retry_after = config.upstream.retry_down_after}, clock, log),
      limits({.rate_of = [this](std::string_view remote) { return rate_of(remote); }}, clock),
      budgets({.misses = config.upstream.client_misses, .bytes = config.upstream.client_bytes},
              clock),
      proofs(workers, database, clock),
      documents(workers, database, document_options(config, text_room, max_metadata, disk_is_full),
                clock),
      manifests(workers, database, documents,
                {.max_bytes = max_metadata / 4,
                 .max_metadata = max_metadata,
                 .disk_is_full = disk_is_full,
                 .make_room = [this] { return make_metadata_room(); }},
                clock, log),
      catalog(workers, database, manifests, catalog_options(config), clock),
      named(workers, database, named_options(config), clock),
      tasks(workers, database, {}, clock, log),
      scrub(
          store, database, [this](Digest gone) { refetches.add(std::move(gone)); },
          {.period = config.storage.scrub, .rate = config.storage.scrub_rate}, clock, log) {
  store.recover();
  const auto upstream =
      config.upstream.url_given ? std::optional(config.upstream.url) : std::optional<std::string>();
  pulp::bootstrap(database, secrets, clock, upstream);
  auto load = [this](db::Connection& sql) {
    return registry::load(sql, secrets, config.upstream.offline);
  };
  registry = std::make_unique<registry::Registry>(workers, database.read_now(load));
  tell_of_idle_rules(*registry->current(0), config.rules, log);

  accounts = std::make_unique<access::Accounts>(
      workers, database,
      access::Accounts::Options{.generated_file = data_dir.admin_password(),
                                .public_name = config.server.public_name},
      clock, log);
  const auto password = config.admin_password.empty() ? std::optional<std::string>()
                                                      : std::optional(config.admin_password);
  if (const auto generated = accounts->ensure_admin(password)) {
    log.info("admin password generated", {{"file", data_dir.admin_password().string()}});
    // Somebody is there to read it; a log would keep it.
    if (::isatty(STDERR_FILENO) == 1) {
      std::cerr << "The password of the account admin is " << *generated << "\n";
    }
  }

  guards = std::make_unique<access::Guards>(*accounts, clock);

  for (std::size_t i = 0; i < workers.size(); ++i) {
    clients.push_back(
        std::make_unique<http::Client>(workers.executor(i), client_options(config), log));
    hub::Hub::Options options{.instance_id = instance_id, .room = text_room};
    options.on_change = [this](hub::RepoChange change) { return access->heed(std::move(change)); };
    hubs.push_back(
        std::make_unique<hub::Hub>(*clients.back(), outages, limits, std::move(options), clock));
    hub_of_worker.push_back(hubs.back().get());
    blobs.push_back(std::make_unique<store::OpenBlobs>(store, workers.executor(i),
                                                       most_open_blobs(workers.size())));
  }
  flights = std::make_unique<hub::Flights>(workers, hub_of_worker);
  access = std::make_unique<access::Access>(workers, database, grant_options(config), clock);

  auto verified = [this](std::string origin, std::string via, Digest digest) {
    return proofs.record_whole(std::move(origin), std::move(via), std::move(digest));
  };
  fills = std::make_unique<fill::Fills>(
      workers, store,
      fill::Fills::Options{.connections = config.upstream.max_connections,
                           .unattended = config.upstream.unattended,
                           .strict = config.strict_integrity,
                           .on_verified = std::move(verified)},
      clock, log);

  make_prefetch();
  intake = std::make_shared<mirror::Intake>(mirror::Intake::Services{.workers = workers,
                                                                     .store = store,
                                                                     .access = *access,
                                                                     .proofs = proofs,
                                                                     .catalog = catalog,
                                                                     .imported = imported});
  define_upkeep();
  api = pulp::make_api(
      {.database = database,
       .secrets = secrets,
       .registry = *registry,
       .accounts = *accounts,
       .tasks = tasks,
       .clock = clock,
       .log = log},
      {.rest = {.public_name = config.server.public_name, .mask_secrets = config.masked_secrets},
       .data_dir = data_dir.path(),
       .offline = config.upstream.offline});
  for (std::size_t i = 0; i < workers.size(); ++i) {
    contents.push_back(std::make_unique<content::Content>(
        content::Services{
            .worker = i,
            .registry = *registry,
            .rules = rule_book,
            .access = *access,
            .guards = *guards,
            .accounts = *accounts,
            .budgets = budgets,
            .proofs = proofs,
            .catalog = catalog,
            .documents = documents,
            .imported = imported,
            .manifests = manifests,
            .named = named,
            .flights = *flights,
            .hubs = hub_of_worker,
            .fills = *fills,
            .store = store,
            .blobs = *blobs[i],
            .stored_files = stored_files,
            .pool = disk_pool,
            .text_room = text_room,
            .log = log,
            .prefetch = [this](
                            const hub::Endpoint& endpoint, const hub::RepoId& repo,
                            const std::string& commit) { prefetch->want(endpoint, repo, commit); }},
        content::Options{.public_name = config.server.public_name,
                         .token_key = secrets.derive("caller tokens"),
                         .instance_id = instance_id,
                         .xet_tokens = config.xet ? &xet_tokens : nullptr,
                         .allowed_origins = config.allowed_origins}));
  }
  make_metrics();
}

std::shared_ptr<net::ServerTls> Instance::Parts::make_tls(
    const std::vector<net::Listener>& listeners) const {
  if (std::ranges::none_of(listeners, &net::Listener::tls)) return nullptr;
  const auto& files = config.server;
  if (files.tls_certificate.empty()) {
    throw Error(Error::Kind::kBadRequest,
                "a socket that is to be served in TLS was passed, but [server] tls_certificate and "
                "tls_key are not set");
  }
  return std::make_shared<net::ServerTls>(files.tls_certificate, files.tls_key, clock, log);
}

void Instance::Parts::make_prefetch() {
  auto keep = [this](hub::EndpointPtr endpoint, hub::Credential credential, hub::FileRef file) {
    return contents[workers.current()]->keep(std::move(endpoint), std::move(credential),
                                             std::move(file));
  };
  prefetch = std::make_shared<mirror::Prefetch>(
      mirror::Prefetch::Services{.workers = workers,
                                 .database = database,
                                 .registry = *registry,
                                 .rules = rule_book,
                                 .store = store,
                                 .access = *access,
                                 .manifests = manifests,
                                 .flights = *flights,
                                 .fills = *fills,
                                 .tasks = tasks,
                                 .clock = clock,
                                 .log = log},
      keep, mirror::Prefetch::Options{.max_size = config.cache.prefetch_max_size});
  tasks.define(mirror::Prefetch::kTask, [this](tasks::Run& run) { return prefetch->run(run); });
  fetch = std::make_unique<mirror::Fetch>(
      mirror::Fetch::Services{.workers = workers,
                              .database = database,
                              .registry = *registry,
                              .store = store,
                              .access = *access,
                              .catalog = catalog,
                              .manifests = manifests,
                              .flights = *flights,
                              .fills = *fills,
                              .rules = rule_book,
                              .token_key = secrets.derive("caller tokens")},
      std::move(keep));
}

Workbench Instance::Parts::bench(std::string by) {
  return {.accounts = *accounts,
          .database = database,
          .store = store,
          .clock = clock,
          .intake = *intake,
          .log = log,
          .fetch = fetch.get(),
          .refetch = [this](Digest gone) { return refetch(std::move(gone)); },
          .metrics = metrics.get(),
          .by = std::move(by)};
}

mirror::RepairParts Instance::Parts::repair_parts() {
  auto refetch = [this](catalog::KeptEntry entry) { return prefetch->refetch(std::move(entry)); };
  return {.database = database, .store = store, .refetch = std::move(refetch)};
}

Task<bool> Instance::Parts::refetch(Digest gone) {
  co_return co_await mirror::refetch(repair_parts(), {std::move(gone)}) > 0;
}

void Instance::Parts::define_upkeep() {
  pulp::define_tasks(
      tasks, {.database = database, .store = store, .clock = clock, .repair = repair_parts()});
}

/// Who was killed lost nothing; but a loss of power may have left blobs whose rows it took.
Task<> Instance::Parts::look_for_lost() {
  const auto found = co_await store.adopt_lost();
  if (found > 0) log.warn("stored files were found that no row speaks of", {{"files", found}});
}

/// What costs a question to have again. Grants keep half of what the catalog leaves free.
Task<std::uint64_t> Instance::Parts::trim_rights() {
  co_await mirror::remove_orphan_proofs(database, clock);
  co_return co_await access->trim(max_metadata / 20);
}

Task<bool> Instance::Parts::make_metadata_room() {
  const bool room_holds = co_await store.restore_room();
  const auto most = room_holds
                        ? max_metadata
                        : std::min(max_metadata, most_metadata_on_full_disk(store.options()));
  auto rights_first = [this] { return trim_rights(); };
  const bool fits =
      co_await catalog::make_metadata_room(database, most, std::move(rights_first), log);
  const bool has_room = room_holds && fits;
  co_return has_room;
}

/// What goes on beside the requests until the workers stop.
void Instance::Parts::begin_upkeep() {
  const auto begin = [this](Task<> work) {
    asio::co_spawn(workers.executor(0), std::move(work), [](const std::exception_ptr&) {});
  };
  if (data_dir.was_left_open()) begin(look_for_lost());
  begin(catalog::keep_metadata_trimmed([this] { return make_metadata_room(); }));
  if (config.storage.scrub.count() > 0) begin(scrub.run());
}

/// On the first worker.
Task<> Instance::Parts::put_in_force(registry::Rules rules) {
  tell_of_idle_rules(*registry->current(0), rules, log);
  co_await rule_book.put_in_force(std::move(rules));
}

/// As this worker knows it by now.
int Instance::Parts::rate_of(std::string_view remote) const {
  const auto snapshot = registry->current(workers.current());
  const auto* found = snapshot->remote(remote);
  return found != nullptr ? found->rate_limit : 0;
}

SiteParts Instance::Parts::site_parts(std::size_t worker) {
  return {.content = *contents[worker],
          .api = *api,
          .accounts = *accounts,
          .health = health,
          .metrics = *metrics,
          .counts = *site_counts[worker],
          .damage = damage,
          .server = config.server,
          .run = obey};
}

void Instance::Parts::serve_metrics(std::vector<net::Listener> listeners) {
  if (listeners.empty()) return;
  const bool loopback_only = std::ranges::all_of(listeners, is_loopback);
  std::vector<http::Site> sites;
  sites.reserve(workers.size());
  for (std::size_t i = 0; i < workers.size(); ++i) {
    sites.push_back(metrics_site_of(site_parts(i), loopback_only));
  }
  metrics_server =
      std::make_unique<http::Server>(workers, std::move(sites), config.server.limits, clock, log);
  for (auto& listener : listeners) metrics_server->serve(std::move(listener));
}

void Instance::Parts::make_metrics() {
  metrics = std::make_unique<Metrics>(Metrics::Sources{
      .store = store, .fills = *fills, .access = *access, .outages = outages, .limits = limits});
  auto& sources = metrics->sources();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    site_counts.push_back(std::make_unique<SiteCounts>());
    sources.sites.push_back(site_counts.back().get());
    sources.clients.push_back(clients[i].get());
    sources.hubs.push_back(hub_of_worker[i]);
    sources.contents.push_back(contents[i].get());
  }
}

template <typename T>
void Instance::Parts::wait_for(Task<T> task) {
  std::promise<void> done;
  asio::co_spawn(workers.executor(0), std::move(task),
                 [&done](const std::exception_ptr&) { done.set_value(); });
  done.get_future().wait();
}

Instance::Instance(const Config& config, const Clock& clock, obs::Log& log, store::Disk& disk)
    : parts_(std::make_unique<Parts>(config, clock, log, disk)) {}

Instance::~Instance() { shut_down(); }

void Instance::start(std::vector<net::Listener> listeners, std::vector<net::Listener> metrics) {
  auto& parts = *parts_;
  // Whoever asks then is on this machine, or a page in a browser on it.
  const bool loopback_only = std::ranges::all_of(listeners, is_loopback);
  const auto tls = parts.make_tls(listeners);
  std::vector<http::Site> sites;
  sites.reserve(parts.workers.size());
  for (std::size_t i = 0; i < parts.workers.size(); ++i) {
    sites.push_back(site_of(parts.site_parts(i), loopback_only));
  }
  parts.server = std::make_unique<http::Server>(parts.workers, std::move(sites),
                                                limits_of(parts.config), parts.clock, parts.log);
  parts.metrics->sources().server = parts.server.get();
  parts.workers.start();
  if (const auto interval = watchdog_interval()) {
    asio::co_spawn(parts.workers.executor(0), prove_alive(parts.workers, *interval),
                   [](const std::exception_ptr&) {});
  }
  parts.tasks.start();
  parts.begin_upkeep();
  for (auto& listener : listeners) {
    auto secured = listener.tls ? tls : nullptr;
    parts.server->serve(std::move(listener), std::move(secured));
  }
  parts.serve_metrics(std::move(metrics));
  parts.control = std::make_unique<Control>(parts.workers, parts.data_dir.control_socket(),
                                            parts.obey, parts.clock, parts.log);
  parts.health.set_ready(true);
}

nlohmann::json Instance::order(const nlohmann::json& command, const std::stop_token& stop) {
  auto& parts = *parts_;
  const auto worker = parts.next_order.fetch_add(1) % parts.workers.size();
  return wait_for_command(parts.workers.executor(worker), parts.obey(command, kCommandLine), stop);
}

void Instance::reload(const Config& config) {
  auto& parts = *parts_;
  parts.log.set_level(config.log.level);
  parts.wait_for(parts.put_in_force(config.rules));
}

void Instance::shut_down() {
  if (!parts_) return;
  auto& parts = *parts_;
  parts.health.set_ready(false);
  if (parts.server) {
    parts.wait_for(parts.server->shut_down(parts.config.server.shutdown_timeout));
    if (parts.metrics_server) {
      parts.wait_for(parts.metrics_server->shut_down(parts.config.server.shutdown_timeout));
    }
    if (parts.control) {
      parts.wait_for(parts.control->shut_down(kCommandDeadline));
    }
    parts.wait_for(parts.tasks.shut_down());
    parts.wait_for(parts.fills->park());
  }
  parts.workers.stop();
  parts.workers.join();
  parts.data_dir.say_done();
  parts_.reset();
}

}  // namespace hubcache::app
