#include "hubcache/fill/fills.h"

#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "false_start.h"
#include "fill.h"
#include "reader.h"

namespace hubcache::fill {
namespace {

constexpr std::uint64_t kVast = std::uint64_t{1} << 40;
constexpr std::uint64_t kLargestClosedTail = std::uint64_t{8} << 20;
constexpr std::chrono::milliseconds kAnyTime = std::chrono::years(1);

/// What a reader needs of the fill it was admitted to.
struct Admission {
  std::shared_ptr<Progress> progress;
  Ticket ticket;
  std::shared_ptr<const Fd> file;
  bool started = false;
};

}  // namespace

struct Fills::Impl {
  using Key = std::pair<std::string, Digest>;
  using Home = std::map<Key, std::shared_ptr<Fill>>;  // belongs to its worker

  std::size_t home_of(const Digest& digest) const {
    return context.workers.home(std::hash<Digest>{}(digest));
  }
  std::shared_ptr<Fill> find(std::size_t home, const Key& key) const;
  std::shared_ptr<Fill> make(std::size_t home, const Key& key, const Wish& wish);
  Task<Admission> admit(std::size_t home, Wish wish);
  FalseStart false_start() const {
    return {context.store, context.clock, context.options.closed_ranges_refused};
  }
  void admit_as_trusted(Wish& wish) const;
  Patience patience(const Wish& wish) const;
  Task<std::string> source_repo(std::size_t home, Key key);
  Task<std::optional<std::uint64_t>> present(std::size_t home, Key key) const;
  Task<void> wait_end(std::size_t home, Key key) const;
  Task<void> park(std::size_t home);

  Context context;
  std::vector<Home> homes;  // by worker
  std::atomic<bool> closing{false};
};

std::shared_ptr<Fill> Fills::Impl::find(std::size_t home, const Key& key) const {
  const auto found = homes[home].find(key);
  return found == homes[home].end() ? nullptr : found->second;
}

std::shared_ptr<Fill> Fills::Impl::make(std::size_t home, const Key& key, const Wish& wish) {
  auto ended = [this, home, key] { homes[home].erase(key); };
  auto fill = std::make_shared<Fill>(context, home, wish, std::move(ended));
  homes[home].emplace(key, fill);
  return fill;
}

Task<Admission> Fills::Impl::admit(std::size_t home, Wish wish) {
  const Key key(wish.origin, wish.digest);
  auto fill = find(home, key);
  while (fill && !fill->admits()) {
    const auto ending = fill->progress();
    fill.reset();
    co_await Progress::wait_end(ending);
    fill = find(home, key);
  }
  if (closing) throw Error(Error::Kind::kUnavailable, "the server is shutting down");
  // Looked at last, for who waited here may have been cut by that very fill.
  admit_as_trusted(wish);
  Admission admission;
  admission.started = !fill;
  if (!fill) fill = make(home, key, wish);
  if (fill->size() != wish.size) {
    throw Error(Error::Kind::kUpstream, "the Hub names two sizes for one digest");
  }
  admission.progress = fill->progress();
  admission.ticket = Ticket(context.workers.executor(home), admission.progress, fill->admit(wish));
  if (admission.started) fill->begin();

  co_await Progress::wait_open(admission.progress);
  if (wish.seen_via) {
    const std::string via(fill->via().empty() ? kMixed : std::string_view(fill->via()));
    if (admission.progress->is_stored() || (via != *wish.seen_via && via != wish.via)) {
      throw Error(Error::Kind::kConflict, "the blob's bytes come from elsewhere by now");
    }
  }
  admission.file = admission.progress->file();
  co_await Progress::wait_ready(admission.progress, admission.ticket.seat(), patience(wish));
  co_return admission;
}

/// A proof has no answer to begin before it has the bytes.
Patience Fills::Impl::patience(const Wish& wish) const {
  const auto& options = context.options;
  return {.first_byte = wish.background ? kAnyTime : options.first_byte,
          .in_line = wish.background || wish.for_proof ? kAnyTime : options.in_line,
          .clock = context.clock};
}

/// How far this reader is trusted with bytes nobody has verified.
void Fills::Impl::admit_as_trusted(Wish& wish) const {
  const FalseStart false_start = this->false_start();
  if (!wish.for_proof && !wish.fresh_start) {
    false_start.refuse(wish.origin, wish.digest, wish.size, wish.range, wish.to_end);
  }
  wish.to_end = reads_to_end(wish.range, wish.size, wish.to_end);
  const bool doubtful = context.options.strict || false_start.is_bad(wish.origin, wish.digest);
  wish.verified_only = doubtful && !wish.to_end && !wish.for_proof;
}

Task<std::string> Fills::Impl::source_repo(std::size_t home, Key key) {
  if (const auto fill = find(home, key)) {
    bool opened = true;
    try {
      co_await Progress::wait_open(fill->progress());
    } catch (const Error&) {
      opened = false;
    }
    if (opened && fill->progress()->is_stored()) co_return std::string();
    if (opened) co_return fill->via().empty() ? std::string(kMixed) : fill->via();
  }
  const auto parked = co_await context.store.parked_via(key.first, key.second);
  if (!parked) co_return std::string();
  co_return parked->empty() ? std::string(kMixed) : *parked;
}

Task<std::optional<std::uint64_t>> Fills::Impl::present(std::size_t home, Key key) const {
  const auto fill = find(home, key);
  if (!fill) co_return std::nullopt;
  co_return fill->progress()->present();
}

Task<void> Fills::Impl::wait_end(std::size_t home, Key key) const {
  while (const auto fill = find(home, key)) {
    const auto progress = fill->progress();
    co_await Progress::wait_end(progress);
  }
}

Task<void> Fills::Impl::park(std::size_t home) {
  for (const auto& [key, fill] : homes[home]) fill->park();
  while (!homes[home].empty()) {
    const auto progress = homes[home].begin()->second->progress();
    co_await Progress::wait_end(progress);
  }
}

Fills::Fills(Workers& workers, store::Store& store, Options options, const Clock& clock,
             obs::Log& log)
    : impl_(std::make_unique<Impl>(Context{.workers = workers,
                                           .store = store,
                                           .slots = Slots(options.connections),
                                           .options = std::move(options),
                                           .clock = clock,
                                           .log = log,
                                           .counts = std::make_shared<Counts>()},
                                   std::vector<Impl::Home>(workers.size()))) {}

Fills::~Fills() = default;

void Fills::refuse_false_start(const std::string& origin, const Digest& digest, std::uint64_t size,
                               http::ByteRange range, bool to_end) const {
  impl_->false_start().refuse(origin, digest, size, range, to_end);
}

bool Fills::is_strict() const noexcept { return impl_->context.options.strict; }

bool Fills::reads_to_end(http::ByteRange range, std::uint64_t size, bool open_ended) noexcept {
  return open_ended || (range.end() == size && range.length > kLargestClosedTail);
}

Task<Joined> Fills::join(Wish wish) {
  // What is kept of a fill grows with its size, which upstream names as it likes.
  if (wish.size > kVast && co_await impl_->context.store.room(wish.size) < wish.size) {
    throw Error(Error::Kind::kNoSpace, "there is no room for a file of that size");
  }
  const std::size_t home = impl_->home_of(wish.digest);
  const http::ByteRange range = wish.range;
  const Executor executor = impl_->context.workers.executor(home);
  auto admission = co_await on(executor, impl_->admit(home, std::move(wish)));
  Joined joined;
  joined.started = admission.started;
  joined.body =
      std::make_unique<Reader>(executor, std::move(admission.progress), std::move(admission.ticket),
                               std::move(admission.file), range);
  co_return joined;
}

Task<Slot> Fills::slot_to_pass(RemoteLimit remote) {
  const auto& context = impl_->context;
  auto claim = std::make_shared<const Claim>(Need::kAwaited);
  const auto deadline = std::chrono::steady_clock::now() + context.options.first_byte;
  co_return co_await context.slots.take(std::move(claim), std::move(remote), deadline);
}

Task<std::string> Fills::source_repo(std::string origin, Digest digest) {
  const std::size_t home = impl_->home_of(digest);
  const Executor executor = impl_->context.workers.executor(home);
  Impl::Key key(std::move(origin), std::move(digest));
  co_return co_await on(executor, impl_->source_repo(home, std::move(key)));
}

Task<std::optional<std::uint64_t>> Fills::present(std::string origin, Digest digest) {
  const std::size_t home = impl_->home_of(digest);
  const Executor executor = impl_->context.workers.executor(home);
  Impl::Key key(std::move(origin), std::move(digest));
  co_return co_await on(executor, impl_->present(home, std::move(key)));
}

Task<void> Fills::wait_end(std::string origin, Digest digest) {
  const std::size_t home = impl_->home_of(digest);
  const Executor executor = impl_->context.workers.executor(home);
  Impl::Key key(std::move(origin), std::move(digest));
  co_await on(executor, impl_->wait_end(home, std::move(key)));
}

const Counts& Fills::counts() const noexcept { return *impl_->context.counts; }

Slots::Use Fills::connections() const { return impl_->context.slots.use(); }

Task<void> Fills::park() {
  impl_->closing = true;
  for (std::size_t home = 0; home < impl_->homes.size(); ++home) {
    co_await on(impl_->context.workers.executor(home), impl_->park(home));
  }
}

}  // namespace hubcache::fill
