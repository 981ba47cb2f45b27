#include "hubcache/hub/probe.h"

#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>

namespace hubcache::hub {
namespace {

/// The second of two questions asked at once; outlives the caller who leaves.
struct Aside {
  explicit Aside(Executor executor) : done_signal(executor, Timer::time_point::max()) {}
  std::shared_ptr<const RepoAnswer> answer;
  std::exception_ptr failure;
  bool done = false;
  Timer done_signal;  // never expires; cancelled when done
};

Task<void> ask_aside(std::shared_ptr<Aside> aside, Flights& flights, EndpointPtr endpoint,
                     Credential credential, RepoId repo) {
  try {
    aside->answer =
        co_await flights.auth_check(std::move(endpoint), std::move(credential), std::move(repo));
  } catch (...) {
    aside->failure = std::current_exception();
  }
  aside->done = true;
  aside->done_signal.cancel();
}

}  // namespace

Probe::Probe(Flights& flights, EndpointPtr endpoint, Credential credential, FileRef file)
    : flights_(flights),
      endpoint_(std::move(endpoint)),
      credential_(std::move(credential)),
      file_(std::move(file)) {}

void Probe::settle(RepoId repo, Credential credential) {
  file_.repo = std::move(repo);
  credential_ = std::move(credential);
}

Task<std::shared_ptr<const FileAnswer>> Probe::head(Patience patience) {
  if (!head_ && !head_failure_) {
    try {
      head_ = co_await flights_.head_file(endpoint_, credential_, file_, patience);
    } catch (...) {
      head_failure_ = std::current_exception();
    }
  }
  if (head_failure_) std::rethrow_exception(head_failure_);
  co_return head_;
}

Task<std::shared_ptr<const RepoAnswer>> Probe::auth() {
  if (!auth_ && !auth_failure_) {
    try {
      auth_ = co_await flights_.auth_check(endpoint_, credential_, file_.repo);
    } catch (...) {
      auth_failure_ = std::current_exception();
    }
  }
  if (auth_failure_) std::rethrow_exception(auth_failure_);
  co_return auth_;
}

Task<void> Probe::ask_both() {
  const Executor executor = co_await asio::this_coro::executor;
  std::shared_ptr<Aside> aside;
  if (!auth_ && !auth_failure_) {
    aside = std::make_shared<Aside>(executor);
    asio::co_spawn(executor, ask_aside(aside, flights_, endpoint_, credential_, file_.repo),
                   asio::detached);
  }
  if (!head_ && !head_failure_) {
    try {
      head_ = co_await flights_.head_file(endpoint_, credential_, file_);
    } catch (...) {
      head_failure_ = std::current_exception();
    }
  }
  if (!aside) co_return;
  while (!aside->done) co_await aside->done_signal.async_wait(asio::as_tuple(use_task));
  auth_ = aside->answer;
  auth_failure_ = aside->failure;
}

}  // namespace hubcache::hub
