#include "hubcache/base/workers.h"

#include "hubcache/base/error.h"

namespace hubcache {
namespace {

constexpr int kUnwindings = 16;  // more than tasks on other workers are ever nested

}  // namespace

Workers::Workers(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>());
}

Workers::~Workers() {
  stop();
  join();
  // What is dropped unwinds by way of its own loop's queue, so a task awaited on another worker
  // takes one more round for each hop.
  for (int i = 0; i < kUnwindings; ++i) {
    for (auto& loop : loops_) loop->context.shutdown();
  }
}

void Workers::start() {
  for (auto& loop : loops_) {
    loop->guard.emplace(loop->context.get_executor());
    loop->thread = std::thread([&state = *loop] {
      state.id = std::this_thread::get_id();
      state.context.run();
    });
  }
}

void Workers::stop() {
  for (auto& loop : loops_) {
    loop->guard.reset();
    loop->context.stop();
  }
}

void Workers::join() {
  for (auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

std::size_t Workers::current() const noexcept {
  const auto self = std::this_thread::get_id();
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (loops_[i]->id.load(std::memory_order_relaxed) == self) return i;
  }
  return loops_.size();
}

Pool::Pool(std::string name, std::size_t threads, std::size_t queue_limit)
    : name_(std::move(name)), queue_limit_(queue_limit), threads_(threads) {}

Pool::~Pool() { join(); }

void Pool::enter() {
  if (waiting_.fetch_add(1, std::memory_order_relaxed) >= queue_limit_) {
    left();
    throw Error(Error::Kind::kUnavailable, "the server is busy, try again later",
                "queue of pool " + name_ + " is full");
  }
}

void Pool::join() { threads_.join(); }

}  // namespace hubcache
