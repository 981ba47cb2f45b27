#include "hubcache/access/accounts.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "hubcache/access/password.h"
#include "hubcache/access/tokens.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"

#include "account_rows.h"
#include "turns.h"

namespace hubcache::access {
namespace {

constexpr db::Migration kAccountMigrations[] = {
    {.number = 410, .name = "access: accounts", .sql = R"(
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'downloader')),
  password TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT;
)"},
    {.number = 411, .name = "access: tokens", .sql = R"(
CREATE TABLE access_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  expires INTEGER
) STRICT;
)"}};

constexpr std::string_view kAdmin = "admin";
constexpr std::size_t kLongestPassword = 512;  // what libcrypt takes (CRYPT_MAX_PASSPHRASE_SIZE)

void require_usable(const std::string& name, const std::string& password) {
  require_usable_name(name, "an account's name");
  if (password.empty() || password.size() >= kLongestPassword ||
      password.find('\0') != std::string::npos) {
    throw Error(Error::Kind::kBadRequest, "a password has 1 to 511 bytes, none of them 0");
  }
}

void write_private_file(const std::filesystem::path& file, const std::string& text) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    throw Error::from_errno(errno, "writing " + file.string());
  }
}

}  // namespace

std::span<const db::Migration> account_migrations() { return kAccountMigrations; }

std::vector<Account> all_accounts(db::Connection& sql) {
  std::vector<Account> accounts;
  auto rows = sql.query("SELECT id, name, role, created FROM accounts ORDER BY id");
  while (rows.step()) {
    accounts.push_back({.id = rows.integer(0),
                        .name = rows.text(1),
                        .role = role_of(rows.text(2)),
                        .created = WallTime(std::chrono::milliseconds(rows.integer(3)))});
  }
  return accounts;
}

std::string limited_address(std::string_view address) {
  std::string text(address.substr(0, address.find('%')));
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    ::inet_ntop(AF_INET, &v6.s6_addr[12], buffer.data(), buffer.size());
    return buffer.data();
  }
  std::fill(&v6.s6_addr[8], &v6.s6_addr[8] + 8, std::uint8_t{0});
  ::inet_ntop(AF_INET6, &v6, buffer.data(), buffer.size());
  return std::string(buffer.data()) + "/64";
}

Accounts::Accounts(Workers& workers, db::Database& database, Options options, const Clock& clock,
                   obs::Log& log)
    : workers_(workers),
      database_(database),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      key_(random_bytes(32)),
      dummy_hash_(hash_password(generate_password())),
      logins_(std::make_unique<Turns>()),
      hashing_("password hashing", options_.hashing_threads, options_.hashing_queue) {}

Accounts::~Accounts() { hashing_.join(); }

Task<Login> Accounts::verify(std::string name, std::string password, std::string address) {
  co_return co_await on(workers_.executor(0),
                        verify_at_home(std::move(name), std::move(password), std::move(address)));
}

Task<Login> Accounts::verify_at_home(std::string name, std::string password, std::string address) {
  const auto from = limited_address(address);
  const auto key = key_of(name, password);
  std::shared_ptr<Turns::Turn> turn;
  while (!turn) {
    // Before the memory of verified passwords too: it must not become a place to guess for free.
    if (const auto& budget = budget_of(from); budget.left < 1) {
      const std::chrono::duration<double> until_next =
          (1 - budget.left) * std::chrono::duration<double>(options_.failure_refill);
      co_return Login{.account = std::nullopt,
                      .retry_after = std::chrono::seconds(std::lround(until_next.count() + 1))};
    }
    if (const auto* known = remembered(name, key)) {
      co_return Login{.account = *known, .retry_after = {}};
    }
    turn = co_await logins_->take_or_wait(key);
  }

  // Taken in advance, so that guesses in flight count too.
  budget_of(from).left -= 1;
  const auto generation = generation_;
  auto query = [name](db::Connection& sql) { return find_account(sql, name); };
  const auto stored = co_await database_.read(std::move(query));
  auto compare = [password = std::move(password), hash = stored ? stored->hash : dummy_hash_] {
    return password_matches(password, hash);
  };
  const bool matches = co_await offload(hashing_, std::move(compare));
  if (!stored || !matches) {
    // Not what was typed: people type passwords into the wrong field.
    const std::string known = stored ? name : "unknown";
    log_.warn("a login failed", {{"account", known}, {"address", from}});
    co_return Login{};
  }
  auto& refund = budget_of(from);
  refund.left = std::min(refund.left + 1, static_cast<double>(options_.failure_burst));
  if (generation == generation_) {
    remember(name, {.key = key, .account = stored->account, .until = {}, .order = {}});
  }
  co_return Login{.account = stored->account, .retry_after = {}};
}

Task<Login> Accounts::verify(Credentials credentials, const http::Request& request) {
  auto address = http::client_address(request, options_.public_name);
  if (credentials.token.empty()) {
    co_return co_await verify(std::move(credentials.name), std::move(credentials.password),
                              std::move(address));
  }
  co_return co_await on(workers_.executor(0),
                        verify_token(std::move(credentials.token), std::move(address)));
}

Task<Login> Accounts::verify_token(std::string token, std::string address) {
  const auto hash = token_hash(token);
  const auto name = '\0' + hash;  // no account is called that
  const auto key = key_of(name, {});
  if (const auto* known = remembered(name, key)) {
    co_return Login{.account = *known, .retry_after = {}};
  }
  const auto generation = generation_;
  auto query = [hash](db::Connection& sql) { return owner_of(sql, hash); };
  const auto owner = co_await database_.read(std::move(query));
  if (!owner || (owner->until && *owner->until <= clock_.now())) {
    log_.warn("an access token was refused", {{"account", owner ? owner->account.name : "unknown"},
                                              {"why", owner ? "expired" : "unknown"},
                                              {"address", limited_address(address)}});
    co_return Login{};
  }
  if (generation == generation_) {
    remember(name, {.key = key, .account = owner->account, .until = owner->until, .order = {}});
  }
  co_return Login{.account = owner->account, .retry_after = {}};
}

Task<> Accounts::changed(const char* event, std::string name) {
  co_await on(workers_.executor(0), forget());
  log_.info(event, {{"name", name}});
}

Task<std::string> Accounts::hash_of(const std::string& name, std::string password) {
  require_usable(name, password);
  auto make_hash = [password = std::move(password)] { return hash_password(password); };
  co_return co_await offload(hashing_, std::move(make_hash));
}

Task<> Accounts::add(std::string name, std::string password, Role role) {
  auto hash = co_await hash_of(name, std::move(password));
  auto work = [this, name, hash = std::move(hash), role](db::Connection& sql) {
    if (find_account(sql, name)) {
      throw Error(Error::Kind::kConflict, "there is an account \"" + name + "\" already");
    }
    store(sql, name, hash, role);
  };
  co_await database_.write_durable(std::move(work));
  co_await changed("account added", name);
}

Task<> Accounts::change_password(std::string name, std::string password) {
  auto hash = co_await hash_of(name, std::move(password));
  auto work = [this, name, hash = std::move(hash)](db::Connection& sql) {
    const auto stored = find_account(sql, name);
    if (!stored) throw no_such_account(name);
    store(sql, name, hash, stored->account.role);
  };
  co_await database_.write_durable(std::move(work));
  co_await changed("password changed", name);
  if (name == kAdmin) co_await drop_generated_file();
}

Task<> Accounts::remove(std::string name) {
  auto work = [name](db::Connection& sql) {
    const auto stored = find_account(sql, name);
    if (!stored) throw no_such_account(name);
    auto others = sql.query("SELECT 1 FROM accounts WHERE role = 'admin' AND name <> ?1", name);
    if (stored->account.role == Role::kAdmin && !others.step()) {
      throw Error(Error::Kind::kConflict,
                  "\"" + name + "\" is the last administrator: add another one first");
    }
    sql.run("DELETE FROM access_tokens WHERE account = ?1", stored->account.id);
    sql.run("DELETE FROM accounts WHERE id = ?1", stored->account.id);
  };
  co_await database_.write_durable(std::move(work));
  co_await changed("account removed", name);
}

Task<std::string> Accounts::create_token(std::string account, std::string name,
                                         std::optional<std::chrono::milliseconds> lifetime) {
  const auto now = clock_.now();
  std::optional<WallTime> expires;
  if (lifetime) expires = now + *lifetime;
  auto work = [account, name, now, expires](db::Connection& sql) {
    return access::create_token(sql, account, name, now, expires);
  };
  auto token = co_await database_.write_durable(std::move(work));
  co_await changed("access token created", std::move(name));
  co_return token;
}

Task<> Accounts::revoke_token(std::string name) {
  auto work = [name](db::Connection& sql) {
    if (access::revoke_token(sql, name)) return;
    throw Error(Error::Kind::kNotFound, "there is no token \"" + name + "\"");
  };
  co_await database_.write_durable(std::move(work));
  co_await changed("access token revoked", name);
}

Task<> Accounts::set_password(std::string name, std::string password, Role role) {
  auto hash = co_await hash_of(name, std::move(password));
  auto work = [this, name, hash = std::move(hash), role](db::Connection& sql) {
    store(sql, name, hash, role);
  };
  co_await database_.write_durable(std::move(work));
  co_await changed("password set", name);
  if (name == kAdmin) co_await drop_generated_file();
}

Task<> Accounts::drop_generated_file() {
  auto drop = [this] { remove_generated_file(); };
  co_await offload(hashing_, std::move(drop));
}

std::optional<std::string> Accounts::ensure_admin(const std::optional<std::string>& password) {
  auto query = [](db::Connection& sql) { return find_account(sql, std::string(kAdmin)); };
  const auto stored = database_.read_now(std::move(query));
  if (password) {
    require_usable(std::string(kAdmin), *password);
    if (!stored || !password_matches(*password, stored->hash)) {
      auto change = [this, hash = hash_password(*password)](db::Connection& sql) {
        store(sql, std::string(kAdmin), hash, Role::kAdmin);
      };
      database_.write_now(std::move(change));
    }
    remove_generated_file();
    return std::nullopt;
  }
  auto any_admin = [](db::Connection& sql) {
    return sql.query("SELECT 1 FROM accounts WHERE role = 'admin'").step();
  };
  if (database_.read_now(std::move(any_admin))) return std::nullopt;
  auto generated = generate_password();
  // The file first: a crash between the two must not leave an account nobody can use.
  write_private_file(options_.generated_file, generated + "\n");
  auto change = [this, hash = hash_password(generated)](db::Connection& sql) {
    store(sql, std::string(kAdmin), hash, Role::kAdmin);
  };
  database_.write_now(std::move(change));
  return generated;
}

Accounts::Budget& Accounts::budget_of(const std::string& address) {
  const auto now = clock_.steady();
  const auto burst = static_cast<double>(options_.failure_burst);
  const std::chrono::duration<double> refill = options_.failure_refill;
  const auto refilled = [&](const Budget& budget) {
    const std::chrono::duration<double> passed = now - budget.at;
    return std::min(burst, budget.left + passed / refill);
  };
  if (budgets_.size() >= options_.remembered && !budgets_.contains(address)) {
    std::erase_if(budgets_, [&](const auto& entry) { return refilled(entry.second) >= burst; });
    // An attack from everywhere: the one nearest to full is the one to forget.
    if (budgets_.size() >= options_.remembered) {
      budgets_.erase(std::ranges::max_element(
          budgets_, {}, [&](const auto& entry) { return refilled(entry.second); }));
    }
  }
  auto& budget = budgets_.try_emplace(address, Budget{.left = burst, .at = now}).first->second;
  budget.left = refilled(budget);
  budget.at = now;
  return budget;
}

std::string Accounts::key_of(std::string_view name, std::string_view password) const {
  std::string text(name);
  text += '\0';
  text += password;
  return keyed_hash(key_, text);
}

const Account* Accounts::remembered(const std::string& name, const std::string& key) {
  const auto found = remembered_.find(name);
  if (found == remembered_.end() || !constant_time_equal(found->second.key, key)) return nullptr;
  if (found->second.until && *found->second.until <= clock_.now()) return nullptr;
  least_recent_.splice(least_recent_.end(), least_recent_, found->second.order);
  return &found->second.account;
}

void Accounts::remember(const std::string& name, Remembered known) {
  const auto found = remembered_.find(name);
  if (found != remembered_.end()) {
    least_recent_.erase(found->second.order);
    remembered_.erase(found);
  } else if (remembered_.size() >= options_.remembered) {
    remembered_.erase(least_recent_.front());
    least_recent_.pop_front();
  }
  known.order = least_recent_.insert(least_recent_.end(), name);
  remembered_.emplace(name, std::move(known));
}

// Changes are rare, and what is forgotten costs one look each.
Task<> Accounts::forget() {
  ++generation_;
  remembered_.clear();
  least_recent_.clear();
  co_return;
}

void Accounts::store(db::Connection& sql, const std::string& name, const std::string& hash,
                     Role role) {
  const auto now = clock_.now().time_since_epoch().count();
  sql.run(
      "INSERT INTO accounts (name, role, password, created, updated) VALUES (?1, ?2, ?3, ?4, ?4) "
      "ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, "
      "updated = excluded.updated",
      name, text_of(role), hash, now);
}

void Accounts::remove_generated_file() noexcept {
  std::error_code failure;
  std::filesystem::remove(options_.generated_file, failure);
  if (failure) log_.warn("the generated password file stays", {{"why", failure.message()}});
}

}  // namespace hubcache::access
