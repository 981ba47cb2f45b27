#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hubcache/access/credentials.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/workers.h"
#include "hubcache/db/database.h"
#include "hubcache/http/public_name.h"
#include "hubcache/obs/log.h"

namespace hubcache::access {

enum class Role : std::uint8_t { kAdmin, kDownloader };

/// "admin", "downloader".
std::string_view text_of(Role role);
/// kDownloader for what is neither.
Role role_of(std::string_view text);

/// Somebody hubcache knows by name and password.
struct Account {
  std::int64_t id = 0;
  std::string name;
  Role role = Role::kDownloader;
  WallTime created{};  // of all_accounts() only
};

/// All of them, oldest first; in a transaction of the caller's.
std::vector<Account> all_accounts(db::Connection& sql);

/// The outcome of a login.
struct Login {
  std::optional<Account> account;  // none: unknown name or wrong password, nobody is told which
  std::chrono::seconds retry_after{
      0};  // above 0: too many failures from there, nothing was checked
};

std::span<const db::Migration> account_migrations();

/// The part of an address that counts for limits: an IPv4 address, or the /64 of an IPv6 one
/// (mapped IPv4 unwrapped).
std::string limited_address(std::string_view address);

class Turns;

/// Accounts with their passwords (yescrypt) and access tokens. Hashing runs in a pool of its own
/// with a short queue, so that a flood of logins slows nothing but logins (SECURITY 22); of those
/// who come at once with one password, one has it hashed. What was verified is remembered in memory
/// by keyed hash until an account or a token changes. State belongs to worker 0; callable from
/// every worker.
class Accounts {
 public:
  struct Options {
    std::size_t hashing_threads = 1;
    std::size_t hashing_queue = 16;          // logins waiting; beyond, kUnavailable
    int failure_burst = 40;                  // failed logins an address has at once...
    std::chrono::seconds failure_refill{2};  // ...and the time after which it has one more
    std::size_t remembered = 1024;           // passwords, and addresses, kept in memory
    std::filesystem::path generated_file;    // data_dir/admin-password
    http::PublicName public_name{};          // says whose addresses are whose
  };
  Accounts(Workers& workers, db::Database& database, Options options, const Clock& clock,
           obs::Log& log);
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  /// Checks a password that came from `address`. Unknown names cost what known ones do. Throws
  /// kUnavailable when too many logins wait.
  Task<Login> verify(std::string name, std::string password, std::string address);
  /// The same for whatever `request` brought, from its client's address. A token cannot be guessed,
  /// so wrong ones are not counted.
  Task<Login> verify(Credentials credentials, const http::Request& request);

  /// Throws kConflict when there is an account of that name, else as set_password().
  Task<> add(std::string name, std::string password, Role role);
  /// Keeps the role. Throws kNotFound without such an account, else as set_password().
  Task<> change_password(std::string name, std::string password);
  /// With its tokens. Throws kNotFound without such an account, kConflict when it is the last
  /// administrator.
  Task<> remove(std::string name);
  /// As in tokens.h, and in force when they return; revoke_token() throws kNotFound.
  Task<std::string> create_token(std::string account, std::string name,
                                 std::optional<std::chrono::milliseconds> lifetime);
  Task<> revoke_token(std::string name);

  /// Creates the account or changes its password and role. The generated password file goes when
  /// the administrator's password changes. Throws kBadRequest for a name or password that cannot
  /// be used in Basic.
  Task<> set_password(std::string name, std::string password, Role role);

  /// At start, before the workers run: with `password` the account `admin` has it; without, one is
  /// generated if there is no administrator yet, and written to the generated file, 0600. Returns
  /// what was generated.
  std::optional<std::string> ensure_admin(const std::optional<std::string>& password);

 private:
  struct Remembered {
    std::string key;  // keyed hash of name and password, or of a token
    Account account;
    std::optional<WallTime> until;  // the token expires
    std::list<std::string>::iterator order;
  };
  /// Failures an address may still have: a bucket that refills.
  struct Budget {
    double left = 0;
    SteadyTime at;
  };

  Task<Login> verify_at_home(std::string name, std::string password, std::string address);
  Task<Login> verify_token(std::string token, std::string address);
  Budget& budget_of(const std::string& address);
  std::string key_of(std::string_view name, std::string_view password) const;
  const Account* remembered(const std::string& name, const std::string& key);
  void remember(const std::string& name, Remembered known);
  Task<> forget();
  /// After each durable change of accounts and tokens: it is in force, and logged.
  Task<> changed(const char* event, std::string name);
  /// Throws as set_password() says.
  Task<std::string> hash_of(const std::string& name, std::string password);
  Task<> drop_generated_file();
  void store(db::Connection& sql, const std::string& name, const std::string& hash, Role role);
  void remove_generated_file() noexcept;

  Workers& workers_;
  db::Database& database_;
  Options options_;
  const Clock& clock_;
  obs::Log& log_;
  std::string key_;         // of the keyed hashes; lives as long as the process
  std::string dummy_hash_;  // of a password nobody knows
  std::unordered_map<std::string, Remembered> remembered_;
  std::list<std::string> least_recent_;
  std::unordered_map<std::string, Budget> budgets_;
  std::uint64_t generation_ = 0;   // raised by each change
  std::unique_ptr<Turns> logins_;  // by the key of what is being hashed
  Pool hashing_;
};

}  // namespace hubcache::access
