#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "hubcache/app/instance.h"

#include "hubsim/hub.h"
#include "support/client.h"
#include "support/clock.h"
#include "support/faulty_disk.h"
#include "support/run.h"
#include "support/sizes.h"

namespace hubcache::test {

// Of the seeded world (hubsim/seed.cpp).
inline constexpr std::string_view kConfig = "/org/model/resolve/main/config.json";
inline constexpr std::string_view kBig = "/org/model/resolve/main/model.safetensors";
inline constexpr std::string_view kInfo = "/api/models/org/model/revision/main";
inline constexpr std::string_view kPrivate = "/org/private/resolve/main/config.json";
inline const std::string kModel = "org/model";
inline const std::string kGated = "org/gated";
// A field that nobody knows: with it a request goes the long way, past WarmFiles and StoredFiles.
inline const std::pair<std::string, std::string> kLongWay{"X-Unknown", "1"};
// Of what tests of failing disks and databases add: one that is stored before, one that is not.
inline constexpr std::string_view kStored = "/org/fire/resolve/main/stored.bin";
inline constexpr std::string_view kCold = "/org/fire/resolve/main/cold.bin";

/// All of an answer that may not differ: without its time and its number.
using Told = std::map<std::string, std::string>;
Told told(const Answer& answer);

/// A server in this process, its remote the simulated Hub with its seeded world, and a clock that
/// the test moves.
class ServerTest : public testing::Test {
 protected:
  ServerTest();

  /// Ends the server and starts it again on the same data.
  void restart();
  void start();
  void stop();
  /// Puts in force of `config` what may change while it runs.
  void reload() { instance_->reload(config); }

  /// Below the distribution `hf`.
  Answer get(std::string_view path, std::string_view token = {}, Fields fields = {}) {
    return content("GET", path, token, std::move(fields));
  }
  Answer head(std::string_view path, std::string_view token = {}, Fields fields = {}) {
    return content("HEAD", path, token, std::move(fields));
  }
  /// REST, as the administrator.
  Answer rest(std::string_view method, std::string_view path, std::string_view body = {});

  /// Requests the Hub's own host saw.
  std::size_t hub_requests(std::string_view part = {}) {
    return hub.count(hubsim::Host::kHub, {}, part);
  }
  std::size_t stored_blobs() const;
  /// Numbers by name and labels, as they are written.
  using Scrape = std::map<std::string, double>;
  /// Of the listener for metrics.
  std::string scraped() const { return fetch(metrics_port, "/metrics").body; }
  Scrape scrape() const;
  /// All numbers of that name whose labels hold `part`.
  static double sum(const Scrape& numbers, const std::string& name, std::string_view part = {});
  double metric(const std::string& name, std::string_view part = {}) const {
    return sum(scrape(), name, part);
  }
  /// A reader has its last byte before the blob is durable: what needs it stored waits here.
  void wait_stored(std::size_t blobs) const;

  static constexpr std::string_view kRemotes = "/pulp/api/v3/remotes/hugging_face/hugging-face/";
  static constexpr std::string_view kDistributions =
      "/pulp/api/v3/distributions/hugging_face/hugging-face/";

  hubsim::Hub hub;
  TempDir data;
  FakeClock clock;
  FaultyDisk disk;
  obs::Log log{{.level = obs::Level::kOff, .access_log = false}};
  app::Config config;
  std::uint16_t port = 0;
  /// Of a listener for metrics, which there is after a start() with an entry in metrics_listen.
  std::uint16_t metrics_port = 0;

 private:
  Answer content(std::string_view method, std::string_view path, std::string_view token,
                 Fields fields);
  std::unique_ptr<app::Instance> instance_;
};

}  // namespace hubcache::test
