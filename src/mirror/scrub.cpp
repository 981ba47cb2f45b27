#include "hubcache/mirror/scrub.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace hubcache::mirror {
namespace {

using std::chrono::milliseconds;

constexpr std::array kScrubMigrations{
    db::Migration{.number = 710,
                  .name = "mirror: how far a scrub is",
                  .sql = "CREATE TABLE scrub (id INTEGER PRIMARY KEY CHECK (id = 1), began INTEGER "
                         "NOT NULL, after TEXT NOT NULL, done INTEGER NOT NULL) STRICT;"}};

constexpr milliseconds kBetweenBlobs{10};
constexpr milliseconds kLongestWait{60'000};
constexpr std::uint64_t kSlowest = 1024UL * 1024;  // bytes a second

}  // namespace

std::span<const db::Migration> scrub_migrations() { return kScrubMigrations; }

Scrub::Scrub(store::Store& store, db::Database& database, Refetch refetch, Options options,
             const Clock& clock, obs::Log& log)
    : store_(store),
      database_(database),
      refetch_(std::move(refetch)),
      options_(options),
      clock_(clock),
      log_(log) {}

Task<> Scrub::run() {
  Timer timer(co_await asio::this_coro::executor);
  while (true) {
    auto wait = kLongestWait;
    try {
      wait = std::min(co_await step(), kLongestWait);
    } catch (const std::exception& failure) {
      log_.warn("the scrub of stored files was held up", {{"context", failure.what()}});
    }
    timer.expires_after(wait);
    co_await timer.async_wait(use_task);
  }
}

Task<milliseconds> Scrub::step() {
  if (!pass_) pass_ = co_await recall();
  const auto now = clock_.now();
  if (pass_->began > now) pass_->began = now;  // somebody has set the clock back
  if (pass_->done) {
    const auto since = now - pass_->began;
    if (since < options_.period) co_return options_.period - since;
    begin();
  }
  const auto digest = co_await next();
  if (!digest) co_return end();
  pass_->after = digest->text();  // what cannot be looked at does not hold up the others
  const auto check = co_await store_.check(*digest, rate());
  if (check != store::Check::kUnknown) ++checked_;
  if (store::is_gone(check)) {
    ++wrong_;
    refetch_(*digest);
  }
  if (clock_.steady() - recorded_ >= options_.record_interval) record();
  co_return kBetweenBlobs;
}

Task<Scrub::Pass> Scrub::recall() {
  auto query = [](db::Connection& sql) -> std::optional<Pass> {
    auto rows = sql.query("SELECT began, after, done FROM scrub");
    if (!rows.step()) return std::nullopt;
    return Pass{.began = WallTime(milliseconds(rows.integer(0))),
                .after = rows.text(1),
                .done = rows.boolean(2)};
  };
  auto known = co_await database_.read(std::move(query));
  if (known) co_return *std::move(known);
  pass_ = Pass{.began = clock_.now(), .done = true};
  record();
  co_return *pass_;
}

void Scrub::record() {
  recorded_ = clock_.steady();
  auto change = [pass = *pass_](db::Connection& sql) {
    sql.run("INSERT OR REPLACE INTO scrub (id, began, after, done) VALUES (1, ?1, ?2, ?3)",
            pass.began.time_since_epoch().count(), pass.after, pass.done);
  };
  database_.write_soon(std::move(change));
}

void Scrub::begin() {
  pass_ = Pass{.began = clock_.now()};
  checked_ = 0;
  wrong_ = 0;
  record();
  const auto period = std::chrono::duration<double>(options_.period).count();
  const auto takes = static_cast<double>(store_.used()) / static_cast<double>(options_.rate);
  if (options_.rate != 0 && takes > period) {
    log_.warn("[storage] scrub_rate is too low to look at all stored files within scrub",
              {{"bytes", store_.used()}, {"rate", options_.rate}});
  }
}

milliseconds Scrub::end() {
  pass_->done = true;
  record();
  log_.info("all stored files were looked at", {{"checked", checked_}, {"wrong", wrong_}});
  return std::max(options_.period - (clock_.now() - pass_->began), milliseconds::zero());
}

Task<std::optional<Digest>> Scrub::next() {
  if (page_.empty()) {
    page_ = co_await store_.list(Digest::from_text(pass_->after), store::Store::kPage);
    std::ranges::reverse(page_);
  }
  if (page_.empty()) co_return std::nullopt;
  auto digest = page_.back().digest;
  page_.pop_back();
  co_return digest;
}

/// Twice what it takes, for what is added meanwhile and for times when the server does not run.
std::uint64_t Scrub::rate() const {
  const auto seconds =
      std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(options_.period).count(), 1);
  const auto needed = std::max(2 * store_.used() / static_cast<std::uint64_t>(seconds), kSlowest);
  return options_.rate == 0 ? needed : std::min(needed, options_.rate);
}

}  // namespace hubcache::mirror
