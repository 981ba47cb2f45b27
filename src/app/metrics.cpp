#include "hubcache/app/metrics.h"

#include <string>

#include "hubcache/app/site.h"
#include "hubcache/base/version.h"
#include "hubcache/store/data_dir.h"

namespace hubcache::app {

Task<obs::Families> Metrics::look() const {
  const auto holdings = co_await sources_.store.holdings();
  obs::Families all;
  all.gauge("hubcache_build_info", "Always 1; the label says which version runs.")
      .add(1.0, {{"version", std::string(version())}});
  add_requests(all);
  add_traffic(all);
  add_hits(all);
  add_fills(all);
  add_upstream(all);
  add_rights(all);
  add_disk(all, holdings);
  obs::add_process(all);
  co_return all;
}

void Metrics::add_requests(obs::Families& to) const {
  auto& requests =
      to.counter("hubcache_requests_total",
                 "Answers by route and HTTP status; those to clients that left are not counted.");
  for (const auto* content : sources_.contents) {
    content->requests().each([&requests](std::string_view name, const obs::StatusCounts& counts) {
      requests.add(counts, {{"route", std::string(name)}});
    });
  }
  for (const auto* site : sources_.sites) {
    requests.add(site->rest, {{"route", "rest"}}).add(site->pages, {{"route", "page"}});
  }
  auto& errors = to.counter("hubcache_errors_total",
                            "Requests that ended with an error, by kind; what the API refuses is "
                            "not among them.");
  for (const auto* site : sources_.sites) {
    for (std::size_t i = 0; i < site->errors.size(); ++i) {
      const auto kind = static_cast<Error::Kind>(i);
      errors.add(site->errors[i].value(), {{"kind", std::string(name_of(kind))}});
    }
  }
}

void Metrics::add_traffic(obs::Families& to) const {
  auto& bytes = to.counter("hubcache_sent_bytes_total",
                           "Bytes of bodies sent to clients, by where they came from: the cache, "
                           "upstream, or neither.");
  auto& times = to.histogram("hubcache_time_to_first_byte_seconds",
                             "From a request's header to the first byte of the answer's body, or "
                             "of its header when it has none.");
  auto& cut = to.counter("hubcache_cut_responses_total",
                         "Answers that ended before their end: the client left, or what it asked "
                         "for failed on the way.");
  cut.add(0.0);
  for (const auto* traffic : sources_.server->traffic()) {
    for (std::size_t i = 0; i < traffic->sent.size(); ++i) {
      const obs::Labels source{{"source", std::string(http::Traffic::kNames[i])}};
      bytes.add(traffic->sent[i].bytes.value(), source);
      times.add(traffic->sent[i].first_byte.sum(), source);
    }
    cut.add(traffic->cut.value());
  }
  to.gauge("hubcache_connections", "Open connections of clients.")
      .add(std::uint64_t{sources_.server->connections()});
}

void Metrics::add_hits(obs::Families& to) const {
  auto& hits = to.counter("hubcache_hits_total",
                          "Reads of files by how they were met: memory (the blob was open), disk "
                          "(it was stored), partial (some of it was there), miss, or pass (it is "
                          "not stored).");
  for (const auto* content : sources_.contents) {
    const auto& counts = content->hits();
    hits.add(counts.memory.value(), {{"kind", "memory"}})
        .add(counts.disk.value(), {{"kind", "disk"}})
        .add(counts.partial.value(), {{"kind", "partial"}})
        .add(counts.miss.value(), {{"kind", "miss"}})
        .add(counts.passed.value(), {{"kind", "pass"}});
  }
}

void Metrics::add_fills(obs::Families& to) const {
  const auto& counts = sources_.fills.counts();
  to.gauge("hubcache_fills_running", "Downloads under way.")
      .add(static_cast<double>(counts.running.value()));
  to.gauge("hubcache_waiting_readers", "Readers that wait for bytes which are not there yet.")
      .add(static_cast<double>(counts.waiting.value()));
  const auto connections = sources_.fills.connections();
  to.gauge("hubcache_upstream_connections", "Connections that bring bytes of files.")
      .add(std::uint64_t{connections.held});
  to.gauge("hubcache_upstream_queue", "Who waits for such a connection.")
      .add(std::uint64_t{connections.waiting});
  to.counter("hubcache_fills_total", "Downloads that ended, by what came of them.")
      .add(counts.stored.value(), {{"outcome", "stored"}})
      .add(counts.parked.value(), {{"outcome", "parked"}})
      .add(counts.corrupt.value(), {{"outcome", "corrupt"}})
      .add(counts.disk.value(), {{"outcome", "disk"}})
      .add(counts.failed.value(), {{"outcome", "failed"}});
}

void Metrics::add_upstream(obs::Families& to) const {
  auto& calls = to.counter("hubcache_upstream_requests_total",
                           "Requests to the Hub and its CDN, by kind and status; none: there was "
                           "no answer.");
  auto& times = to.histogram("hubcache_upstream_request_seconds",
                             "Until the header of an answer, by kind of request.");
  for (const auto* hub : sources_.hubs) {
    for (std::size_t i = 0; i < hub::CallCounts::kNames.size(); ++i) {
      const obs::Labels kind{{"kind", std::string(hub::CallCounts::kNames[i])}};
      // There before it counts: of a series that begins with 1, no alert sees that it grew.
      calls.add(0.0, {kind.front(), {"status", "429"}});
      calls.add(hub->calls().of[i].answers, kind);
      times.add(hub->calls().of[i].times.sum(), kind);
    }
  }
  auto& received = to.counter("hubcache_upstream_received_bytes_total",
                              "Bytes of bodies received from the Hub and its CDN.");
  for (const auto* client : sources_.clients) received.add(client->received());
  to.gauge("hubcache_upstream_outages",
           "Hubs that do not answer at present; rights, files, documents and git count apart.")
      .add(std::uint64_t{sources_.outages.count()});
  auto& budgets = to.gauge("hubcache_upstream_budget_left",
                           "Requests that the Hub's rate limits leave in the current window, as "
                           "it said last, by limit and by whose it is.");
  for (const auto& budget : sources_.limits.budgets()) {
    budgets.add(budget.left,
                {{"limit", std::string(budget.limit)}, {"whose", std::string(budget.whose)}});
  }
}

void Metrics::add_rights(obs::Families& to) const {
  const auto& counts = sources_.access.counts();
  to.counter("hubcache_grants_total",
             "What the Hub said of rights: granted, refused; or stale: it could not be asked, and "
             "an older right served.")
      .add(counts.granted.value(), {{"answer", "granted"}})
      .add(counts.refused.value(), {{"answer", "refused"}})
      .add(counts.stale.value(), {{"answer", "stale"}});
}

void Metrics::add_disk(obs::Families& to, const store::Holdings& holdings) const {
  const auto& store = sources_.store;
  to.counter("hubcache_evictions_total", "What had to go to make room.")
      .add(store.evicted().blobs.value(), {{"what", "blob"}})
      .add(store.evicted().fills.value(), {{"what", "fill"}});
  to.counter("hubcache_evicted_bytes_total", "Bytes on disk that evictions freed.")
      .add(store.evicted().bytes.value());
  to.gauge("hubcache_blobs", "Stored blobs.").add(holdings.blobs);
  to.gauge("hubcache_blobs_bytes", "Bytes of their contents.").add(holdings.bytes);
  to.gauge("hubcache_store_used_bytes",
           "Bytes on disk that blobs and partial downloads take, promised ones included.")
      .add(store.used());
  to.gauge("hubcache_store_limit_bytes", "[storage] max_size; 0: none.")
      .add(store.options().max_size);
  const auto disk = store::file_system_of(store.options().data_dir);
  to.gauge("hubcache_filesystem_size_bytes", "Of the file system of the data directory.")
      .add(disk.total);
  to.gauge("hubcache_filesystem_used_bytes", "What is used of it, by whomever.").add(disk.used);
  to.gauge("hubcache_filesystem_free_bytes", "What is free of it.").add(disk.free);
}

}  // namespace hubcache::app
