#include "hubcache/access/budgets.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "hubcache/access/accounts.h"
#include "hubcache/base/error.h"
#include "hubcache/base/http_status.h"

namespace hubcache::access {
namespace {

using Hours = std::chrono::duration<double, std::ratio<3600>>;

[[noreturn]] void refuse(double owed, std::uint64_t hourly) {
  const Hours wait(owed / static_cast<double>(hourly));
  const auto seconds =
      std::chrono::seconds(std::lround(std::ceil(std::chrono::duration<double>(wait).count())) + 1);
  throw Error(
      Error::Kind::kTooManyRequests,
      "this client has used up what it may have fetched from the Hub; what is cached is "
      "still served",
      Error::HubDetail{
          .status = http_status::kTooManyRequests, .retry_after = seconds, .quota = "hubcache"});
}

}  // namespace

Budgets::Budgets(Options options, const Clock& clock)
    : options_(options), clock_(clock), accounts_(options.remembered) {}

bool Budgets::is_limited(const std::string& address) const {
  return !address.empty() && (options_.misses != 0 || options_.bytes != 0);
}

void Budgets::require(const std::string& address) {
  if (!is_limited(address)) return;
  const std::lock_guard lock(mutex_);
  const auto& account = refilled(address);
  if (options_.misses != 0 && account.misses < 1) refuse(1 - account.misses, options_.misses);
  if (options_.bytes != 0 && account.bytes <= 0) refuse(-account.bytes, options_.bytes);
}

void Budgets::charge(const std::string& address, std::uint64_t bytes) {
  if (!is_limited(address)) return;
  const std::lock_guard lock(mutex_);
  auto& account = refilled(address);
  account.misses -= 1;
  account.bytes -= static_cast<double>(bytes);
}

void Budgets::refund(const std::string& address, std::uint64_t bytes) {
  if (!is_limited(address)) return;
  const std::lock_guard lock(mutex_);
  auto& account = refilled(address);
  account.misses = std::min(static_cast<double>(options_.misses), account.misses + 1);
  account.bytes =
      std::min(static_cast<double>(options_.bytes), account.bytes + static_cast<double>(bytes));
}

Budgets::Account& Budgets::refilled(const std::string& address) {
  const auto client = limited_address(address);
  const auto now = clock_.steady();
  const auto misses = static_cast<double>(options_.misses);
  const auto of_bytes = static_cast<double>(options_.bytes);
  auto* known = accounts_.find(client);
  if (known == nullptr) {
    return accounts_.put(client, {.misses = misses, .bytes = of_bytes, .at = now});
  }
  const double hours = Hours(now - known->at).count();
  known->misses = std::min(misses, known->misses + hours * misses);
  known->bytes = std::min(of_bytes, known->bytes + hours * of_bytes);
  known->at = now;
  return *known;
}

}  // namespace hubcache::access
