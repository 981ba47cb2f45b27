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
using hubsim::Storage;

constexpr std::uint64_t kFireSize = 6 * kMiB + 5;
constexpr std::string_view kFire = "/org/fire/resolve/main/w.bin";
constexpr std::string_view kRange = "bytes=4194304-5242982";
constexpr std::uint64_t kRangeBegin = 4'194'304;
constexpr std::uint64_t kRangeLength = 1'048'679;
constexpr std::uint64_t kFlippedInRange = 7;

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
  Storage storage = Storage::kLfs;
};

using UpstreamCase = std::pair<Trouble, Reader>;

Fault hub(Fault fault) {
  fault.host = Host::kHub;
  fault.match = "w.bin";
  return fault;
}
Fault cdn(Fault fault) {
  fault.host = Host::kCdn;
  return fault;
}
/// Of the bytes that the hub itself sends: of a file in git.
Fault git(Fault fault) {
  fault.match = "/resolve-cache/";
  fault.method = "GET";
  return fault;
}
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

/// What can befall bytes wherever they come from.
std::vector<Trouble> troubles_of_bytes(const std::string& who, Storage storage,
                                       Fault (*at)(Fault)) {
  using Kind = Fault::Kind;
  using enum Promise;
  auto moves = at({.kind = Kind::kEtag});
  moves.skip = 1;
  // Of what the CDN sends the hub tells the ETag: it is asked for that again.
  std::vector<Fault> changes{once(at({.kind = Kind::kCut, .offset = kMiB / 2})), moves};
  if (storage == Storage::kLfs) {
    changes = {changes[0], then_once(at({.kind = Kind::kExpire})), hub(moves)};
  }
  std::vector<Trouble> all{
      {"500", {at({.kind = Kind::kStatus, .status = 500})}, kRefused},
      {"500 once", {once(at({.kind = Kind::kStatus, .status = 500}))}, kWhole},
      {"503", {at({.kind = Kind::kStatus, .status = 503})}, kRefused},
      {"429", {at({.kind = Kind::kStatus, .status = 429})}, kRefused},
      {"cuts", {at({.kind = Kind::kCut})}, kNotWhole},
      {"closes", {at({.kind = Kind::kCut, .reset = false})}, kNotWhole},
      {"cuts once", {once(at({.kind = Kind::kCut, .offset = kMiB / 2}))}, kWhole},
      {"closes once", {once(at({.kind = Kind::kCut, .offset = kMiB / 2, .reset = false}))}, kWhole},
      {"stalls", {at({.kind = Kind::kStall})}, kNotWhole},
      {"stalls once", {once(at({.kind = Kind::kStall, .offset = kMiB / 2}))}, kWhole},
      {"resets", {at({.kind = Kind::kReset})}, kRefused},
      {"resets once", {once(at({.kind = Kind::kReset}))}, kWhole},
      {"says too much", {at({.kind = Kind::kLength, .length = 5})}, kNotWhole},
      {"says too little", {at({.kind = Kind::kLength, .length = -5})}, kNotWhole},
      {"says too much once", {once(at({.kind = Kind::kLength, .length = 5}))}, kWhole},
      {"flips a byte", {at({.kind = Kind::kFlip, .offset = kRangeBegin + kFlippedInRange})}, kCut},
      {"ignores ranges", {at({.kind = Kind::kIgnoreRange})}, kWhole},
      {"changes the etag between ranges", changes, kNotWhole},
  };
  for (auto& one : all) {
    one.name = who + " " + one.name;
    one.storage = storage;
  }
  return all;
}

std::vector<Trouble> troubles() {
  using Kind = Fault::Kind;
  using enum Promise;
  std::vector<Trouble> all{
      {"hub 500", {hub({.kind = Kind::kStatus, .status = 500})}, kRefused, kRefused},
      {"hub 503", {hub({.kind = Kind::kStatus, .status = 503})}, kRefused, kRefused},
      {"hub 429", {hub({.kind = Kind::kStatus, .status = 429})}, kRefused, kRefused},
      {"hub never answers", {hub({.kind = Kind::kDelay, .delay = 1h})}, kRefused, kRefused},
      {"hub resets", {hub({.kind = Kind::kReset})}, kRefused, kRefused},
      {"hub is no name", {}, kRefused, kRefused, "http://hub.invalid:80"},
      {"hub is no TLS", {}, kRefused, kRefused, "https://127.0.0.1"},
      {"cdn 403", {cdn({.kind = Kind::kExpire})}, kRefused},
      {"cdn 403 once", {once(cdn({.kind = Kind::kExpire}))}, kWhole},
      {"cdn is no name", {leads_to("http://cdn.invalid/w.bin")}, kRefused},
      {"cdn is no TLS", {leads_to("https://127.0.0.1/w.bin")}, kRefused},
  };
  for (auto& more : {troubles_of_bytes("cdn", Storage::kLfs, cdn),
                     troubles_of_bytes("git", Storage::kGit, git)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

class UpstreamFaults : public ServerTest, public testing::WithParamInterface<UpstreamCase> {
 protected:
  UpstreamFaults() {
    hub.add_repo({.id = "org/fire"});
    hub.add_file("org/fire", "w.bin", hubsim::Content::generated(kFireSize, 77),
                 GetParam().first.storage);
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
    // Else the fill waits as it was told.
    if (GetParam().first.name.ends_with(" 429")) restart();
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
    if (may_be_false()) return expect_false_in_one_byte(answer);
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
  void expect_false_in_one_byte(const Answer& answer) {
    EXPECT_TRUE(answer.complete);
    ASSERT_EQ(answer.body.size(), wanted().size());
    auto right = std::string(wanted());
    EXPECT_NE(answer.body[kFlippedInRange], right[kFlippedInRange]);
    right[kFlippedInRange] = answer.body[kFlippedInRange];
    EXPECT_TRUE(answer.body == right) << "the other bytes are right";
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
  // What was read of it is still there until somebody reads to the end, and is cut. Then it is
  // gone.
  if (may_be_false()) {
    EXPECT_TRUE(get(kFire).reset);
    EXPECT_EQ(stored_blobs(), 0U);
    EXPECT_TRUE(get(kFire).body == bytes_);
    clock.advance(11min);  // until then a range might end what a client began before
  }
  for (const auto& answer : read()) expect_whole(answer);
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
