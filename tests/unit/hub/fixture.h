#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hubcache/hub/hub.h"
#include "hubcache/hub/probe.h"

#include "hubsim/hub.h"
#include "support/run.h"

namespace hubcache::hub {

inline constexpr auto kWeights = "model.safetensors";

/// The simulated Hub with its usual world, and a Hub client on each of two workers.
class HubFixture : public testing::Test {
 protected:
  HubFixture() {
    sim.seed();
    for (std::size_t i = 0; i < runner.workers().size(); ++i) {
      clients.push_back(std::make_unique<http::Client>(
          runner.executor(i), http::Client::Options{.user_agent = "hubcache/test"}, log));
    }
    make_hubs(outages, limits, clock);
    remote.remote = "r";
    remote.base = http::Url::parse(sim.url()).value();
    remote.origin.scheme = remote.base.scheme;
    remote.origin.host = remote.base.host;
    remote.origin.port = remote.base.port;
    remote.origin.allow_private = true;
    remote.max_retries = 0;
  }

  // Clients belong to their workers, which may call them until they have stopped.
  ~HubFixture() override { runner.stop(); }

  /// In place of those there were, one on each worker, with these in common.
  void make_hubs(Outages& known, RateLimits& heeded, const Clock& time) {
    hubs.clear();
    for (const auto& client : clients) {
      Hub::Options options{.instance_id = "self"};
      options.on_change = [this](RepoChange change) -> Task<void> {
        if (on_change) co_await on_change(std::move(change));
      };
      hubs.push_back(std::make_unique<Hub>(*client, known, heeded, std::move(options), time));
    }
    flights = std::make_unique<Flights>(runner.workers(),
                                        std::vector<Hub*>{hubs[0].get(), hubs[1].get()});
  }

  /// The remote as it is now.
  EndpointPtr endpoint() const { return std::make_shared<const Endpoint>(remote); }

  static FileRef file(std::string repo, std::string path, std::string revision = "main") {
    return {.repo = {.type = RepoType::kModel, .name = std::move(repo)},
            .revision = std::move(revision),
            .path = std::move(path)};
  }
  static RepoId model(std::string name) {
    return {.type = RepoType::kModel, .name = std::move(name)};
  }
  static Credential caller(std::string token) {
    return {.kind = Credential::Kind::kCaller, .token = token, .key = "hash of " + token};
  }

  FileAnswer head(FileRef ref, Credential credential = anonymous()) {
    return runner.run(hubs[0]->head_file(endpoint(), std::move(credential), std::move(ref)));
  }
  RepoAnswer auth(RepoId repo, Credential credential = anonymous()) {
    return runner.run(hubs[0]->auth_check(endpoint(), std::move(credential), std::move(repo)));
  }
  DocumentAnswer document(RepoId repo, std::string target, Credential credential = anonymous()) {
    return runner.run(hubs[0]->document(endpoint(), std::move(credential),
                                        {.repo = std::move(repo), .target = std::move(target)}));
  }

  static Credential anonymous() { return Credential::anonymous(); }
  static Credential by_remote() {
    return {.kind = Credential::Kind::kRemote, .token = {}, .key = "remote"};
  }

  std::size_t asked(std::string_view method = {}, std::string_view part = {}) const {
    return sim.count(hubsim::Host::kHub, method, part);
  }
  std::size_t asked_cdn() const { return sim.count(hubsim::Host::kCdn); }

  test::Runner runner{2};
  hubsim::Hub sim;
  obs::Log log{{.level = obs::Level::kOff}};
  SystemClock clock;
  OnRepoChange on_change;
  Outages outages{{.retry_after = {}}, clock, log};  // every call is made
  RateLimits limits{{}, clock};
  std::vector<std::unique_ptr<http::Client>> clients;
  std::vector<std::unique_ptr<Hub>> hubs;
  std::unique_ptr<Flights> flights;
  Endpoint remote;
};

}  // namespace hubcache::hub
