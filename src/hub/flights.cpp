#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/probe.h"

namespace hubcache::hub {
namespace {

template <typename Answer>
struct Flight {
  explicit Flight(Executor home) : landed_signal(home, Timer::time_point::max()) {}
  std::shared_ptr<const Answer> answer;
  std::optional<Error> failure;
  Timer landed_signal;  // never expires; cancelled to wake those who wait
  bool landed() const { return answer || failure; }
};

/// Each waiter throws an error of its own: they are on different workers, and copies of one
/// exception share its text.
Error own_copy(const Error& failure) {
  const std::string message = failure.what();
  if (failure.hub().status != 0) {
    return {failure.kind(), message, Error::HubDetail(failure.hub())};
  }
  return {failure.kind(), message, failure.context()};
}

/// The calls of one kind in flight at one worker; used there only.
template <typename Answer>
class Board : public std::enable_shared_from_this<Board<Answer>> {
 public:
  using Call = std::function<Task<Answer>()>;

  Task<std::shared_ptr<const Answer>> join(std::string key, Call call) {
    auto& slot = flights_[key];
    auto flight = slot;
    if (!flight) {
      const Executor home = co_await asio::this_coro::executor;
      flight = slot = std::make_shared<Flight<Answer>>(home);
      // On its own: the one who asked first may leave, the others still wait.
      asio::co_spawn(home, fly(this->shared_from_this(), std::move(key), std::move(call), flight),
                     asio::detached);
    }
    while (!flight->landed()) {
      co_await flight->landed_signal.async_wait(asio::as_tuple(use_task));
    }
    const auto& failure = flight->failure;
    if (failure) throw own_copy(*failure);
    co_return flight->answer;
  }

 private:
  static Task<void> fly(std::shared_ptr<Board> self, std::string key, Call call,
                        std::shared_ptr<Flight<Answer>> flight) {
    try {
      auto answer = co_await call();
      flight->answer = std::make_shared<const Answer>(std::move(answer));
    } catch (...) {
      flight->failure = Error::from(std::current_exception());
    }
    self->flights_.erase(key);
    flight->landed_signal.cancel();
  }

  std::unordered_map<std::string, std::shared_ptr<Flight<Answer>>> flights_;
};

/// Parts of a key: NUL is in none of them, for paths with one are refused.
void add(std::string& key, std::string_view part) { (key += part) += '\0'; }

/// Everything an answer depends on but the question itself: where it is asked, and by whose right
/// (SECURITY 5).
std::string key_of(const Endpoint& endpoint, const Credential& credential, const RepoId& repo) {
  std::string key;
  add(key, endpoint.scope());
  add(key, std::to_string(static_cast<int>(credential.kind)));
  add(key, credential.key);
  add(key, repo.key());
  return key;
}

}  // namespace

struct Flights::Shard {
  std::shared_ptr<Board<FileAnswer>> files = std::make_shared<Board<FileAnswer>>();
  std::shared_ptr<Board<RepoAnswer>> repos = std::make_shared<Board<RepoAnswer>>();
  std::shared_ptr<Board<DocumentAnswer>> documents = std::make_shared<Board<DocumentAnswer>>();
};

Flights::Flights(Workers& workers, std::vector<Hub*> hubs)
    : workers_(workers), hubs_(std::move(hubs)) {
  for (std::size_t i = 0; i < workers_.size(); ++i) shards_.push_back(std::make_unique<Shard>());
}

Flights::~Flights() = default;

Task<std::shared_ptr<const FileAnswer>> Flights::head_file(EndpointPtr endpoint,
                                                           Credential credential, FileRef file,
                                                           Patience patience) {
  auto key = key_of(*endpoint, credential, file.repo);
  add(key, file.revision);
  add(key, file.path);
  const auto home = workers_.home(std::hash<std::string>{}(key));
  Board<FileAnswer>::Call call = [hub = hubs_[home], endpoint, credential, file, patience] {
    return hub->head_file(endpoint, credential, file, patience);
  };
  co_return co_await on(workers_.executor(home),
                        shards_[home]->files->join(std::move(key), std::move(call)));
}

Task<std::shared_ptr<const RepoAnswer>> Flights::auth_check(EndpointPtr endpoint,
                                                            Credential credential, RepoId repo) {
  auto key = key_of(*endpoint, credential, repo);
  const auto home = workers_.home(std::hash<std::string>{}(key));
  Board<RepoAnswer>::Call call = [hub = hubs_[home], endpoint, credential, repo] {
    return hub->auth_check(endpoint, credential, repo);
  };
  co_return co_await on(workers_.executor(home),
                        shards_[home]->repos->join(std::move(key), std::move(call)));
}

Task<std::shared_ptr<const DocumentAnswer>> Flights::document(EndpointPtr endpoint,
                                                              Credential credential,
                                                              DocumentQuery query,
                                                              Patience patience) {
  auto key = key_of(*endpoint, credential, query.repo);
  add(key, query.target);
  add(key, query.form);
  add(key, query.agent);
  const auto home = workers_.home(std::hash<std::string>{}(key));
  Board<DocumentAnswer>::Call call = [hub = hubs_[home], endpoint, credential, query, patience] {
    return hub->document(endpoint, credential, query, patience);
  };
  co_return co_await on(workers_.executor(home),
                        shards_[home]->documents->join(std::move(key), std::move(call)));
}

}  // namespace hubcache::hub
