// An answer is the same to the letter, on HEAD as on GET, whether the file is cold, being filled,
// stored, or can only be served as it was last known.
#include <filesystem>
#include <future>
#include <map>
#include <string>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using hubsim::Fault;
using hubsim::Host;

struct Served {
  std::string repo;
  std::string path;
  std::string token;
  Host bytes_from;
};

/// Of a HEAD and a GET alike.
Told without_body(const Answer& answer) {
  auto all = told(answer);
  all.erase("body");
  return all;
}

class SamenessTest : public ServerTest, public testing::WithParamInterface<Served> {
 protected:
  std::string url() const { return "/" + GetParam().repo + "/resolve/main/" + GetParam().path; }
  Told by_head() { return without_body(head(url(), GetParam().token)); }
  Told by_get() {
    const auto answer = get(url(), GetParam().token);
    EXPECT_EQ(answer.body, hub.bytes(GetParam().repo, GetParam().path));
    return without_body(answer);
  }
  std::future<Told> start_get(std::promise<void>& begun) {
    Fields fields;
    if (!GetParam().token.empty()) {
      fields.emplace_back("Authorization", "Bearer " + GetParam().token);
    }
    return std::async(std::launch::async, [this, fields, &begun] {
      return without_body(fetch(port, "/pulp/content/hf" + url(), fields, "GET", {},
                                [&begun] { begun.set_value(); }));
    });
  }
  /// That Xet may be had is told to HEAD alone, which its clients begin with.
  static Told without_xet(Told all) {
    all.erase("link");
    all.erase("x-xet-hash");
    return all;
  }
  void expect_same(const Told& to_head, std::string_view when) {
    EXPECT_EQ(by_head(), to_head) << when;
    EXPECT_EQ(by_get(), without_xet(to_head)) << when;
  }
};

TEST_P(SamenessTest, InEveryStateOfTheCache) {
  const std::string nobodys = GetParam().token.empty() ? "hf_other" : "";
  const auto to_others = without_body(get(url(), nobodys));
  stop();
  std::filesystem::remove_all(data.path());
  start();
  hub.set_fault({.kind = Fault::Kind::kHold,
                 .host = GetParam().bytes_from,
                 .match = GetParam().bytes_from == Host::kHub ? "/resolve-cache/" : "",
                 .offset = 10});
  std::promise<void> begun[2];
  auto cold = start_get(begun[0]);
  begun[0].get_future().wait();
  const auto to_head = by_head();  // while it is being filled
  EXPECT_EQ(to_head.at("status"), "200");
  auto joined = start_get(begun[1]);
  begun[1].get_future().wait();
  hub.release();
  EXPECT_EQ(cold.get(), without_xet(to_head));
  EXPECT_EQ(joined.get(), without_xet(to_head));
  expect_same(to_head, "stored");
  EXPECT_EQ(without_body(get(url(), nobodys)), to_others);

  wait_stored(1);
  hub.stop();
  clock.advance(6min);
  expect_same(to_head, "stale");
  hub.start();
  config.upstream.offline = true;
  restart();
  expect_same(to_head, "offline");
}

TEST_P(SamenessTest, ToAHeadThatComesFirst) {
  const auto to_head = by_head();
  EXPECT_EQ(to_head.at("status"), "200");
  expect_same(to_head, "after it");
}

INSTANTIATE_TEST_SUITE_P(
    Files, SamenessTest,
    testing::Values(Served{"org/model", "model.safetensors", "", Host::kCdn},
                    Served{"org/model", "config.json", "", Host::kHub},
                    Served{"org/gated", "model.safetensors", "hf_good", Host::kCdn},
                    Served{"org/gated", "config.json", "hf_good", Host::kHub}));

}  // namespace
}  // namespace hubcache::test
