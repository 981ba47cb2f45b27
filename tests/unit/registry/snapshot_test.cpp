#include <gtest/gtest.h>

#include "hubcache/registry/registry.h"

#include "support/run.h"

namespace hubcache::registry {
namespace {

std::shared_ptr<const Snapshot> snapshot(std::uint64_t version,
                                         std::vector<std::string> base_paths = {},
                                         std::optional<std::string> root = std::nullopt) {
  std::vector<Remote> remotes;
  remotes.push_back({.id = "r1", .name = "one", .policy = Policy::kOnDemand, .endpoint = nullptr});
  std::vector<Distribution> distributions;
  for (auto& path : base_paths) {
    distributions.push_back({.id = "d:" + path,
                             .name = path,
                             .base_path = path,
                             .remote = "r1",
                             .content_guard = std::nullopt});
  }
  return std::make_shared<const Snapshot>(version, std::move(remotes), std::move(distributions),
                                          std::move(root));
}

std::string matched(const Snapshot& in, std::string_view path) {
  const auto match = in.match(path);
  return match ? match->distribution->base_path + "|" + std::string(match->rest) : "none";
}

TEST(SnapshotTest, TheLongestBasePathWins) {
  const auto all = snapshot(1, {"hf", "hf/team/a"});
  EXPECT_EQ(matched(*all, "hf/team/a/org/model/resolve/main/f"),
            "hf/team/a|org/model/resolve/main/f");
  EXPECT_EQ(matched(*all, "hf/team/b/x"), "hf|team/b/x");
}

TEST(SnapshotTest, ABasePathMatchesWholeSegmentsOnly) {
  const auto all = snapshot(1, {"hf"});
  EXPECT_EQ(matched(*all, "hf"), "hf|");
  EXPECT_EQ(matched(*all, "hf/"), "hf|");
  EXPECT_EQ(matched(*all, "hfx/a"), "none");
  EXPECT_EQ(matched(*all, ""), "none");
  EXPECT_EQ(matched(*all, "/hf/a"), "none");
}

TEST(SnapshotTest, SegmentsAreDecodedBeforeTheyAreComparedAndTheRestIsNot) {
  const auto all = snapshot(1, {"größe/x"});
  EXPECT_EQ(matched(*all, "gr%C3%B6%C3%9Fe/x/a%2Fb"), "größe/x|a%2Fb");
}

TEST(SnapshotTest, AnEncodedSlashOrABadEscapeMatchesNothing) {
  const auto all = snapshot(1, {"a/b"});
  EXPECT_EQ(matched(*all, "a%2Fb/c"), "none");
  EXPECT_EQ(matched(*all, "a/%zz"), "none");
}

TEST(SnapshotTest, AMatchNamesTheRemoteOfItsDistribution) {
  const auto all = snapshot(1, {"hf"});
  EXPECT_EQ(all->match("hf/x")->remote, all->remote("r1"));
  EXPECT_EQ(all->remote("other"), nullptr);
}

TEST(SnapshotTest, ThingsAreFoundInWhateverOrderTheyWereGiven) {
  std::vector<Guard> guards;
  for (const auto* id : {"c", "a", "d", "b"}) guards.push_back({.id = id});
  const Snapshot all(1, {}, {}, std::nullopt, std::move(guards));
  for (const auto* id : {"a", "b", "c", "d"}) {
    ASSERT_NE(all.guard(id), nullptr) << id;
    EXPECT_EQ(all.guard(id)->id, id);
  }
  EXPECT_EQ(all.guard("aa"), nullptr);
}

TEST(SnapshotTest, TheRootIsTheMarkedDistributionWhileItExists) {
  EXPECT_EQ(snapshot(1, {"a", "hf"}, "d:hf")->root()->distribution->base_path, "hf");
  EXPECT_FALSE(snapshot(1, {"a"}, "d:hf")->root());
  EXPECT_FALSE(snapshot(1, {"a"})->root());
}

TEST(RegistryTest, APublishedSnapshotIsCurrentOnEveryWorkerWhenThatReturns) {
  test::Runner runner(3);
  Registry registry(runner.workers(), snapshot(1));
  runner.run(registry.publish(snapshot(2, {"hf"})), 1);
  for (std::size_t worker = 0; worker < 3; ++worker) {
    const auto version = runner.call([&] { return registry.current(worker)->version(); }, worker);
    EXPECT_EQ(version, 2U);
  }
}

TEST(RegistryTest, AnOlderSnapshotThatComesLateIsNotTaken) {
  test::Runner runner(1);
  Registry registry(runner.workers(), snapshot(1));
  runner.run(registry.publish(snapshot(3)));
  runner.run(registry.publish(snapshot(2)));
  EXPECT_EQ(runner.call([&] { return registry.current(0)->version(); }), 3U);
}

TEST(RegistryTest, ARequestKeepsTheSnapshotItBeganWith) {
  test::Runner runner(1);
  Registry registry(runner.workers(), snapshot(1, {"old"}));
  const auto mine = runner.call([&] { return registry.current(0); });
  runner.run(registry.publish(snapshot(2, {"new"})));
  EXPECT_EQ(matched(*mine, "old/x"), "old|x");
}

}  // namespace
}  // namespace hubcache::registry
