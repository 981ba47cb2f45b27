// What Access asks the Hub before it grants or prolongs anything.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/probe.h"
#include "hubcache/hub/urls.h"

namespace hubcache::access {

/// Then a stale right may serve, unless it is this route alone that fails: a 429 is the Hub, alive
/// (SECURITY 7).
inline bool origin_is_down(const Error& error) {
  return error.kind() == Error::Kind::kUpstream || error.kind() == Error::Kind::kUpstreamTimeout;
}

/// An answer of the Hub, or why there is none.
template <typename Answer>
struct Heard {
  std::shared_ptr<const Answer> answer;
  std::optional<Error> trouble;
};

template <typename Answer>
Task<Heard<Answer>> hear(Task<std::shared_ptr<const Answer>> question) {
  Heard<Answer> heard;
  try {
    heard.answer = co_await std::move(question);
  } catch (const Error& trouble) {
    heard.trouble = trouble;
  }
  co_return heard;
}

/// Another question to the hub than the one for a right: where this one fails too, nobody answers
/// there at all, and a stale right may serve (SECURITY 7). It is asked aside once the first one has
/// been without an answer for a while, so that whoever waits for both waits hardly longer than for
/// one; and not at all when it goes before that.
class OtherQuestion {
 public:
  OtherQuestion(const Executor& executor, hub::EndpointPtr endpoint, hub::Credential credential,
                hub::RepoId repo, hub::Flights& flights)
      : state_(std::make_shared<State>(executor)) {
    auto target = hub::info_path({.repo = repo, .revision = {}, .path = {}});
    hub::DocumentQuery query{.repo = std::move(repo), .target = std::move(target)};
    asio::co_spawn(
        executor,
        ask(state_, std::move(endpoint), std::move(credential), std::move(query), flights),
        asio::detached);
  }
  ~OtherQuestion() {
    state_->wanted = false;
    ask_now();
  }
  OtherQuestion(const OtherQuestion&) = delete;
  OtherQuestion& operator=(const OtherQuestion&) = delete;

  /// Whether it fails; asked now if it was not yet.
  Task<bool> fails() {
    ask_now();
    while (!state_->done) co_await state_->done_signal.async_wait(asio::as_tuple(use_task));
    if (state_->failure) std::rethrow_exception(state_->failure);
    co_return state_->fails;
  }

 private:
  /// With the 7.5 s that a question may take, a client has its answer within 8 s (DESIGN 1.6).
  static constexpr std::chrono::milliseconds kAskedAfter{250};

  struct State {
    explicit State(const Executor& executor)
        : start(executor, kAskedAfter), done_signal(executor, Timer::time_point::max()) {}
    Timer start;
    Timer done_signal;  // never expires; cancelled when done
    bool wanted = true;
    bool done = false;
    bool fails = false;
    std::exception_ptr failure;
  };

  // Outlives the caller who leaves.
  static Task<> ask(std::shared_ptr<State> state, hub::EndpointPtr endpoint,
                    hub::Credential credential, hub::DocumentQuery query, hub::Flights& flights) {
    try {
      co_await state->start.async_wait(asio::as_tuple(use_task));
      if (state->wanted) {
        const auto info = co_await hear(flights.document(std::move(endpoint), std::move(credential),
                                                         std::move(query), hub::Patience::kNone));
        state->fails = info.trouble && origin_is_down(*info.trouble);
      }
    } catch (...) {
      state->failure = std::current_exception();
    }
    state->done = true;
    state->done_signal.cancel();
  }
  // Unlike cancel(), this is heeded by a wait that has not begun.
  void ask_now() { state_->start.expires_after(std::chrono::milliseconds::zero()); }

  std::shared_ptr<State> state_;
};

}  // namespace hubcache::access
