// Every trouble upstream, as each kind of reader meets it: what is promised, and that nothing false
// is served or kept. Whatever it was, the file is right once it is over.
#include <future>
#include <ostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"
#include "support/matrix.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

constexpr std::uint64_t kFireSize = 6 * kMiB + 5;
constexpr std::string_view kFire = "/org/fire/resolve/main/w.bin";
constexpr std::string_view kRange = "bytes=4194304-5242982";
constexpr std::uint64_t kRangeBegin = 4'194'304;
constexpr std::uint64_t kRangeLength = 1'048'679;

enum class Promise {
  kWhole,     // all of the right bytes
  kRefused,   // an error that says so, before any byte
  kNotWhole,  // an error, or a start that is right and ends with a reset
  kCut,       // as kNotWhole, and the start may be false; so may be what a closed range was given,
              // for it does not wait for the rest of the file unless integrity is strict
};

enum class Reader { kOne, kEight, kRange, kStrictRange, kHead };

class UpstreamFaults;

struct Trouble {
  std::string name;
  std::vector<Fault> faults;
  Promise get;
  Promise head = Promise::kWhole;  // HEAD never waits for bytes
  std::string url = {};            // the hub's, as the remote names it
};

using UpstreamCase = std::pair<Trouble, Reader>;

Fault at(Host host, Fault fault) {
  fault.host = host;
  fault.match = host == Host::kHub ? "w.bin" : "";
  return fault;
}
Fault hub(Fault fault) { return at(Host::kHub, std::move(fault)); }
Fault cdn(Fault fault) { return at(Host::kCdn, std::move(fault)); }
Fault once(Fault fault) {
  fault.count = 1;
  return fault;
}
Fault then_once(Fault fault) {
  fault.skip = 1;
  return once(std::move(fault));
}
Fault leads_to(const std::string& location) {
  return hub({.kind = Fault::Kind::kHeader, .headers = {{"Location", location}}});
}

std::vector<Trouble> troubles() {
  using Kind = Fault::Kind;
  using enum Promise;
  return {
      {"hub 500", {hub({.kind = Kind::kStatus, .status = 500})}, kRefused, kRefused},
      {"hub 503", {hub({.kind = Kind::kStatus, .status = 503})}, kRefused, kRefused},
      {"hub 429", {hub({.kind = Kind::kStatus, .status = 429})}, kRefused, kRefused},
      {"hub never answers", {hub({.kind = Kind::kDelay, .delay = 1h})}, kRefused, kRefused},
      {"hub resets", {hub({.kind = Kind::kReset})}, kRefused, kRefused},
      {"hub is no name", {}, kRefused, kRefused, "http://hub.invalid:80"},
      {"hub is no TLS", {}, kRefused, kRefused, "https://127.0.0.1"},
      {"cdn 500", {cdn({.kind = Kind::kStatus, .status = 500})}, kRefused},
      {"cdn 500 once", {once(cdn({.kind = Kind::kStatus, .status = 500}))}, kWhole},
      {"cdn 503", {cdn({.kind = Kind::kStatus, .status = 503})}, kRefused},
      {"cdn 429", {cdn({.kind = Kind::kStatus, .status = 429})}, kRefused},
      {"cdn 403", {cdn({.kind = Kind::kExpire})}, kRefused},
      {"cdn 403 once", {once(cdn({.kind = Kind::kExpire}))}, kWhole},
      {"cdn cuts", {cdn({.kind = Kind::kCut})}, kNotWhole},
      {"cdn closes", {cdn({.kind = Kind::kCut, .reset = false})}, kNotWhole},
      {"cdn cuts once", {once(cdn({.kind = Kind::kCut, .offset = kMiB / 2}))}, kWhole},
      {"cdn closes once",
       {once(cdn({.kind = Kind::kCut, .offset = kMiB / 2, .reset = false}))},
       kWhole},
      {"cdn stalls", {cdn({.kind = Kind::kStall})}, kNotWhole},
      {"cdn stalls once", {once(cdn({.kind = Kind::kStall, .offset = kMiB / 2}))}, kWhole},
      {"cdn resets", {cdn({.kind = Kind::kReset})}, kRefused},
      {"cdn resets once", {once(cdn({.kind = Kind::kReset}))}, kWhole},
      {"cdn says too much", {cdn({.kind = Kind::kLength, .length = 5})}, kNotWhole},
      {"cdn says too little", {cdn({.kind = Kind::kLength, .length = -5})}, kNotWhole},
      {"cdn says too much once", {once(cdn({.kind = Kind::kLength, .length = 5}))}, kWhole},
      {"cdn flips a byte", {cdn({.kind = Kind::kFlip, .offset = kRangeBegin + 7})}, kCut},
      {"cdn ignores ranges", {cdn({.kind = Kind::kIgnoreRange})}, kWhole},
      {"cdn is no name", {leads_to("http://cdn.invalid/w.bin")}, kRefused},
      {"cdn is no TLS", {leads_to("https://127.0.0.1/w.bin")}, kRefused},
      {"etag changes between ranges",
       {once(cdn({.kind = Kind::kCut, .offset = kMiB / 2})),
        then_once(cdn({.kind = Kind::kExpire})),
        [] {
          auto changes = hub({.kind = Kind::kEtag});
          changes.skip = 1;
          return changes;
        }()},
       kNotWhole},
  };
}

class UpstreamFaults : public ServerTest, public testing::WithParamInterface<UpstreamCase> {
 protected:
  UpstreamFaults() {
    hub.add_repo({.id = "org/fire"});
    hub.add_file("org/fire", "w.bin", hubsim::Content::generated(kFireSize, 77),
                 hubsim::Storage::kLfs);
    bytes_ = hub.bytes("org/fire", "w.bin");
    config.strict_integrity = GetParam().second == Reader::kStrictRange;
    restart();
    patch_remote(R"({"max_retries":1,"sock_read_timeout":0.3,"sock_connect_timeout":2})");
  }

  void patch_remote(const std::string& fields) {
    const auto remotes = nlohmann::json::parse(rest("GET", kRemotes).body);
    const std::string remote = remotes.at("results").at(0).at("pulp_href");
    ASSERT_EQ(rest("PATCH", remote, fields).status, 202);
  }
  void point_remote_at(const std::string& url) { patch_remote(R"({"hf_hub_url":")" + url + "\"}"); }

  void begin_trouble() {
    const auto& trouble = GetParam().first;
    if (!trouble.url.empty()) {
      const bool port_is_known = !trouble.url.starts_with("https:");
      point_remote_at(trouble.url + (port_is_known ? "" : ":" + std::to_string(hub.port())));
    }
    for (auto fault : trouble.faults) {
      // Plain HTTP is spoken on the port that is to speak TLS.
      for (auto& [name, value] : fault.headers) {
        if (value.starts_with("https://127.0.0.1/")) {
          value.insert(17, ":" + std::to_string(hub.cdn_port()));
        }
      }
      hub.set_fault(std::move(fault));
    }
  }
  void end_trouble() {
    hub.clear_faults();
    if (!GetParam().first.url.empty()) point_remote_at(hub.url());
    if (GetParam().first.name == "cdn 429") restart();  // else the fill waits as it was told
    clock.advance(11min);  // as long as anything of it is remembered, but a false start
  }

  std::vector<Answer> read() {
    const int readers = GetParam().second == Reader::kEight ? 8 : 1;
    std::vector<std::future<Answer>> reading;
    for (int i = 0; i < readers; ++i) {
      reading.push_back(std::async(std::launch::async, [this] {
        if (GetParam().second == Reader::kHead) return head(kFire);
        Fields fields;
        if (of_range()) fields.emplace_back("Range", kRange);
        return get(kFire, {}, std::move(fields));
      }));
    }
    std::vector<Answer> answers;
    for (auto& one : reading) answers.push_back(one.get());
    return answers;
  }

  void expect(Promise promise, const Answer& answer) {
    const bool refused = answer.status == 502 || answer.status == 504 || answer.status == 503 ||
                         answer.status == 429;
    if (promise == Promise::kWhole) return expect_whole(answer);
    if (refused) {
      EXPECT_NE(answer.header("x-error-message"), "");
      EXPECT_EQ(answer.header("x-error-code"), "") << "a refusal that the Hub did not speak";
      return;
    }
    ASSERT_NE(promise, Promise::kRefused) << answer.status;
    ASSERT_EQ(answer.status, of_range() ? 206 : 200);
    if (may_be_false()) return;
    EXPECT_FALSE(answer.complete);
    EXPECT_TRUE(answer.reset);
    EXPECT_LT(answer.body.size(), wanted().size());
    if (promise == Promise::kNotWhole) {
      EXPECT_TRUE(answer.body == wanted().substr(0, answer.body.size()));
    }
  }
  void expect_whole(const Answer& answer) {
    EXPECT_EQ(answer.status, of_range() ? 206 : 200);
    EXPECT_EQ(answer.header("content-length"), std::to_string(wanted().size()));
    EXPECT_TRUE(answer.complete);
    if (GetParam().second != Reader::kHead) EXPECT_TRUE(answer.body == wanted());
  }
  std::string_view wanted() const {
    const std::string_view all(bytes_);
    return of_range() ? all.substr(kRangeBegin, kRangeLength) : all;
  }
  static bool may_be_false() {
    return GetParam().first.get == Promise::kCut && GetParam().second == Reader::kRange;
  }
  static bool of_range() {
    return GetParam().second == Reader::kRange || GetParam().second == Reader::kStrictRange;
  }

  std::string bytes_;
};

TEST_P(UpstreamFaults, KeepTheirPromise) {
  const auto& [trouble, reader] = GetParam();
  begin_trouble();
  for (const auto& answer : read())
    expect(reader == Reader::kHead ? trouble.head : trouble.get, answer);
  if (trouble.get != Promise::kWhole) EXPECT_EQ(stored_blobs(), 0U);
  end_trouble();
  // What was read of it is still there until somebody reads to the end, and is cut.
  if (may_be_false()) {
    EXPECT_TRUE(get(kFire).reset);
  } else {
    for (const auto& answer : read()) expect_whole(answer);
  }
  EXPECT_TRUE(get(kFire).body == bytes_);
}

std::vector<UpstreamCase> upstream_cases() {
  return matrix(troubles(), std::vector{Reader::kOne, Reader::kEight, Reader::kRange,
                                        Reader::kStrictRange, Reader::kHead});
}

std::string upstream_name(const testing::TestParamInfo<UpstreamCase>& row) {
  const std::vector<std::string> readers{" to one", " to eight", " to a range",
                                         " to a strict range", " to a head"};
  return test_name(row.param.first.name + readers[static_cast<std::size_t>(row.param.second)]);
}

INSTANTIATE_TEST_SUITE_P(Table, UpstreamFaults, testing::ValuesIn(upstream_cases()), upstream_name);

}  // namespace
}  // namespace hubcache::test
