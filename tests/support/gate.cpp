#include "support/gate.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace hubcache::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using Tcp = asio::ip::tcp;

void end(Tcp::socket& socket, bool reset) {
  boost::system::error_code ignored;
  if (reset) socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace

struct Gate::State {
  struct Pair {
    explicit Pair(asio::io_context& context) : near(context), far(context) {}
    void end_both(bool reset) {
      end(near, reset);
      end(far, reset);
    }
    Tcp::socket near;
    Tcp::socket far;
    int ended = 0;  // directions
  };
  using PairPtr = std::shared_ptr<Pair>;

  explicit State(std::uint16_t port)
      : to(asio::ip::address_v4::loopback(), port),
        acceptor(context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(context, accept(), asio::detached);
    thread = std::thread([this] { context.run(); });
  }
  ~State() {
    context.stop();
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  awaitable<void> accept() {
    while (true) {
      auto pair = std::make_shared<Pair>(context);
      co_await acceptor.async_accept(pair->near, use_awaitable);
      open.insert(pair);
      {
        const std::lock_guard lock(mutex);
        ++connections;
      }
      asio::co_spawn(context, serve(pair), [this, pair](const std::exception_ptr& failure) {
        if (failure) pair->end_both(true);
        if (failure) open.erase(pair);
      });
    }
  }

  awaitable<void> serve(PairPtr pair) {
    co_await pair->far.async_connect(to, use_awaitable);
    for (auto* const weather : {&up, &down}) {
      const bool upwards = weather == &up;
      auto& from = upwards ? pair->near : pair->far;
      auto& onto = upwards ? pair->far : pair->near;
      asio::co_spawn(context, carry(pair, from, onto, *weather),
                     [this, pair, &onto](const std::exception_ptr& failure) {
                       if (failure) pair->end_both(true);
                       boost::system::error_code ignored;
                       onto.shutdown(Tcp::socket::shutdown_send, ignored);
                       if (++pair->ended == 2) open.erase(pair);
                     });
    }
  }

  /// Passes on what comes, until it ends or the weather ends it.
  awaitable<void> carry(PairPtr pair, Tcp::socket& from, Tcp::socket& onto,
                        const Weather& weather) {
    asio::steady_timer timer(context);
    std::vector<unsigned char> bytes(65'536);
    std::uint64_t passed = 0;
    while (true) {
      const std::size_t most = std::clamp<std::size_t>(look(weather).piece, 1, bytes.size());
      boost::system::error_code ended;
      std::size_t count = co_await from.async_read_some(asio::buffer(bytes.data(), most),
                                                        asio::redirect_error(use_awaitable, ended));
      if (ended == asio::error::eof) co_return;
      if (ended) throw boost::system::system_error(ended);
      const Weather now = look(weather);
      auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(now.delay);
      if (now.bytes_per_second > 0) {
        wait += std::chrono::nanoseconds(count * 1'000'000'000 / now.bytes_per_second);
      }
      if (wait.count() > 0) {
        timer.expires_after(wait);
        co_await timer.async_wait(use_awaitable);
      }
      if (now.flip_every > 0) flip(bytes, count, passed, now.flip_every);
      const bool last = now.cut_after && passed + count >= *now.cut_after;
      if (last) count = *now.cut_after > passed ? *now.cut_after - passed : 0;
      co_await asio::async_write(onto, asio::buffer(bytes.data(), count), use_awaitable);
      passed += count;
      if (last) {
        pair->end_both(now.reset);
        co_return;
      }
    }
  }

  static void flip(std::vector<unsigned char>& bytes, std::size_t count, std::uint64_t passed,
                   std::uint64_t every) {
    for (std::uint64_t at = every - passed % every - 1; at < count; at += every) {
      bytes[at] = static_cast<unsigned char>(~bytes[at]);
    }
  }

  Weather look(const Weather& weather) const {
    const std::lock_guard lock(mutex);
    return weather;
  }

  const Tcp::endpoint to;
  asio::io_context context;
  Tcp::acceptor acceptor;
  std::set<PairPtr> open;    // the thread's
  mutable std::mutex mutex;  // what tests set and read
  Weather up;
  Weather down;
  std::size_t connections = 0;
  std::thread thread;
};

Gate::Gate(std::uint16_t to) : state_(std::make_unique<State>(to)) {}
Gate::~Gate() = default;

std::uint16_t Gate::port() const { return state_->acceptor.local_endpoint().port(); }

std::size_t Gate::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->connections;
}

void Gate::set_up(Weather weather) {
  const std::lock_guard lock(state_->mutex);
  state_->up = weather;
}

void Gate::set_down(Weather weather) {
  const std::lock_guard lock(state_->mutex);
  state_->down = weather;
}

void Gate::cut(bool reset) {
  asio::post(state_->context, [state = state_.get(), reset] {
    for (const auto& pair : state->open) pair->end_both(reset);
    state->open.clear();
  });
}

}  // namespace hubcache::test
