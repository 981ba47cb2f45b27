#include "hubcache/base/workers.h"

#include <future>
#include <stdexcept>

#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "hubcache/base/error.h"

namespace hubcache {
namespace {

class WorkersTest : public testing::Test {
 protected:
  void SetUp() override { workers.start(); }

  template <typename T>
  T run(std::size_t worker, Task<T> task) {
    return asio::co_spawn(workers.executor(worker), std::move(task), asio::use_future).get();
  }

  Workers workers{2};
  Pool pool{"test", 1, 1};
};

Task<std::size_t> where(Workers& workers) { co_return workers.current(); }

TEST_F(WorkersTest, OnRunsAtHomeAndComesBack) {
  auto hop = [](Workers& all) -> Task<std::pair<std::size_t, std::size_t>> {
    const auto there = co_await on(all.executor(1), where(all));
    co_return std::pair(there, all.current());
  };
  const auto [there, back] = run(0, hop(workers));
  EXPECT_EQ(there, 1u);
  EXPECT_EQ(back, 0u);
}

TEST_F(WorkersTest, OffloadRunsElsewhereAndResumesHere) {
  auto hop = [](Workers& all, Pool& away) -> Task<std::pair<std::size_t, std::size_t>> {
    auto work = [&all] { return all.current(); };
    const auto there = co_await offload(away, work);
    co_return std::pair(there, all.current());
  };
  const auto [there, back] = run(0, hop(workers, pool));
  EXPECT_EQ(there, workers.size());
  EXPECT_EQ(back, 0u);
}

TEST_F(WorkersTest, OffloadThrowsWhatTheWorkThrew) {
  auto failing = [](Pool& away) -> Task<int> {
    auto work = []() -> int { throw Error(Error::Kind::kIo, "broken"); };
    co_return co_await offload(away, work);
  };
  EXPECT_THROW(run(0, failing(pool)), Error);
}

TEST_F(WorkersTest, AFullPoolRefusesWork) {
  pool.enter();
  auto refused = [](Pool& away) -> Task<int> {
    auto work = [] { return 1; };
    co_return co_await offload(away, work);
  };
  EXPECT_THROW(run(0, refused(pool)), Error);
  pool.left();
  EXPECT_EQ(run(0, refused(pool)), 1);
}

}  // namespace
}  // namespace hubcache
