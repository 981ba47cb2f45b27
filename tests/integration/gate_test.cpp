// Downloads through bad networks, between client and server and between server and hub: every byte
// is right, or it is an error.
#include "support/gate.h"

#include <algorithm>
#include <future>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"
#include "support/matrix.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Content;
using hubsim::Storage;

constexpr int kFiles = 4;
constexpr std::uint64_t kInARequest = 50;  // bytes; the next on its connection ends elsewhere

enum class Place { kClients, kHub, kCdn };

struct Bad {
  std::string name;
  Gate::Weather weather;  // of what comes down, but its delays and pieces both ways
  bool completes = true;  // as the requests of these tests are, without another try of theirs
  Gate::Weather of_requests = {};
  std::vector<Place> places = {Place::kClients, Place::kHub, Place::kCdn};
};

using GateCase = std::pair<Bad, Place>;

std::vector<Bad> weathers() {
  return {
      {"delays", {.delay = 3ms}},
      {"throttles", {.bytes_per_second = 4 * kMiB}},
      {"splits", {.piece = 700}},
      {"splits into bytes", {.piece = 7}, false},
      {"closes", {.cut_after = 300'000}, false},
      {"closes at once", {.cut_after = 0}, false},
      {"resets", {.cut_after = 300'000, .reset = true}, false},
      // Only bytes of files can be checked: not what reaches the client, and a request for another
      // path is answered truly.
      {"corrupts", {.flip_every = 400'000}, false, {}, {Place::kHub, Place::kCdn}},
      {"closes in a request", {}, false, {.cut_after = kInARequest}},
      {"corrupts requests", {}, false, {.flip_every = kInARequest}, {Place::kCdn}},
      {"resets in a request", {}, false, {.cut_after = kInARequest, .reset = true}},
  };
}

class GateTest : public ServerTest, public testing::WithParamInterface<GateCase> {
 protected:
  GateTest()
      : clients_gate_(std::make_unique<Gate>(port)),
        hub_gate_(hub.port()),
        cdn_gate_(hub.cdn_port()) {
    hub.add_repo({.id = "org/gate"});
    std::vector<hubsim::Change> files;
    for (int i = 0; i < kFiles; ++i) {
      files.push_back({.path = std::to_string(i) + ".bin",
                       .content = Content::generated(kMiB + static_cast<unsigned>(i),
                                                     500 + static_cast<unsigned>(i)),
                       .storage = Storage::kLfs});
    }
    hub.commit("org/gate", "main", std::move(files));
    auto behaviour = hub.behaviour();
    behaviour.cdn_front = cdn_gate_.port();
    hub.set_behaviour(behaviour);
    const auto remotes = nlohmann::json::parse(rest("GET", kRemotes).body);
    const std::string remote = remotes.at("results").at(0).at("pulp_href");
    const std::string fields = R"({"hf_hub_url":"http://127.0.0.1:)" +
                               std::to_string(hub_gate_.port()) +
                               R"(","max_retries":1,"sock_read_timeout":3})";
    EXPECT_EQ(rest("PATCH", remote, fields).status, 202);
  }

  void set(const Bad& bad) {
    const auto place = GetParam().second;
    auto& gate = place == Place::kClients ? *clients_gate_
                 : place == Place::kHub   ? hub_gate_
                                          : cdn_gate_;
    gate.set_down(bad.weather);
    auto up = bad.of_requests;
    up.delay = bad.weather.delay;
    up.piece = bad.weather.piece;
    up.bytes_per_second = bad.weather.bytes_per_second;
    gate.set_up(up);
  }

  static std::string path_of(int file) {
    return "/pulp/content/hf/org/gate/resolve/main/" + std::to_string(file) + ".bin";
  }
  std::vector<Answer> download_all() {
    std::vector<std::future<Answer>> readers;
    for (int i = 0; i < kFiles; ++i) {
      readers.push_back(std::async(std::launch::async,
                                   [this, i] { return fetch(clients_gate_->port(), path_of(i)); }));
    }
    std::vector<Answer> answers;
    for (auto& reader : readers) answers.push_back(reader.get());
    return answers;
  }

 private:
  std::unique_ptr<Gate> clients_gate_;
  Gate hub_gate_;
  Gate cdn_gate_;
};

bool is_served(const Answer& answer) { return answer.status == 200; }

TEST_P(GateTest, EveryByteIsRightOrItIsAnError) {
  const auto& bad = GetParam().first;
  set(bad);
  const auto stormy = download_all();
  set({});
  hub.clear_faults();
  clock.advance(11min);
  for (int i = 0; i < kFiles; ++i) {
    const auto& answer = stormy[static_cast<std::size_t>(i)];
    const auto right = hub.bytes("org/gate", std::to_string(i) + ".bin");
    const bool whole = is_served(answer) && answer.complete;
    if (bad.completes) EXPECT_TRUE(whole) << answer.status;
    if (bad.of_requests.cut_after) EXPECT_FALSE(whole) << "no request got through";
    if (whole) {
      EXPECT_TRUE(answer.body == right) << i;
    } else if (answer.status == 200 && bad.weather.flip_every == 0) {
      EXPECT_TRUE(answer.body == right.substr(0, answer.body.size())) << i;
    } else {
      EXPECT_TRUE(answer.status == 200 || answer.status == 0 || answer.status >= 500)
          << answer.status;
    }
  }
  auto fair = download_all();
  // What was asked in the background, and failed just now, may have made the hub count as down.
  for (int tries = 0; tries < 10 && !std::ranges::all_of(fair, is_served); ++tries) {
    clock.advance(1min);
    fair = download_all();
  }
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_TRUE(fair[static_cast<std::size_t>(i)].body ==
                hub.bytes("org/gate", std::to_string(i) + ".bin"))
        << i << " " << fair[static_cast<std::size_t>(i)].status;
  }
}

std::vector<GateCase> gate_cases() {
  auto cases = matrix(weathers(), std::vector{Place::kCdn, Place::kHub, Place::kClients});
  std::erase_if(cases, [](const GateCase& one) {
    return std::ranges::count(one.first.places, one.second) == 0;
  });
  return cases;
}

std::string gate_name(const testing::TestParamInfo<GateCase>& row) {
  const std::vector<std::string> places{" for clients", " for the hub", " for the cdn"};
  return test_name(row.param.first.name + places[static_cast<std::size_t>(row.param.second)]);
}

INSTANTIATE_TEST_SUITE_P(Table, GateTest, testing::ValuesIn(gate_cases()), gate_name);

}  // namespace
}  // namespace hubcache::test
