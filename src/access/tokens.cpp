#include "hubcache/access/tokens.h"

#include <chrono>

#include "hubcache/access/caller.h"
#include "hubcache/base/digest.h"
#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"

#include "account_rows.h"

namespace hubcache::access {
namespace {

constexpr std::size_t kTokenBytes = 32;

WallTime time_of(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

std::optional<WallTime> expiry_of(const db::Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return time_of(row.integer(column));
}

}  // namespace

std::string token_hash(std::string_view token) { return sha256_of(token).hex(); }

std::string create_token(db::Connection& sql, const std::string& account, const std::string& name,
                         WallTime now, std::optional<WallTime> expires) {
  require_usable_name(name, "a token's name");
  const auto owner = find_account(sql, account);
  if (!owner) throw no_such_account(account);
  if (sql.query("SELECT 1 FROM access_tokens WHERE name = ?1", name).step()) {
    throw Error(Error::Kind::kConflict, "there is a token \"" + name + "\" already");
  }
  auto token = std::string(kOwnTokenPrefix) + to_hex(random_bytes(kTokenBytes));
  std::optional<std::int64_t> until;
  if (expires) until = expires->time_since_epoch().count();
  sql.run(
      "INSERT INTO access_tokens (account, name, hash, created, expires) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      owner->account.id, name, token_hash(token), now.time_since_epoch().count(), until);
  return token;
}

std::vector<AccessToken> all_tokens(db::Connection& sql) {
  std::vector<AccessToken> tokens;
  auto rows = sql.query(
      "SELECT t.name, a.name, t.created, t.expires FROM access_tokens t "
      "JOIN accounts a ON a.id = t.account ORDER BY t.id");
  while (rows.step()) {
    tokens.push_back({.name = rows.text(0),
                      .account = rows.text(1),
                      .created = time_of(rows.integer(2)),
                      .expires = expiry_of(rows, 3)});
  }
  return tokens;
}

bool revoke_token(db::Connection& sql, const std::string& name) {
  return sql.run("DELETE FROM access_tokens WHERE name = ?1", name) > 0;
}

std::optional<TokenOwner> owner_of(db::Connection& sql, const std::string& hash) {
  auto row = sql.query(
      "SELECT a.id, a.name, a.role, t.expires FROM access_tokens t "
      "JOIN accounts a ON a.id = t.account WHERE t.hash = ?1",
      hash);
  if (!row.step()) return std::nullopt;
  return TokenOwner{
      .account = {.id = row.integer(0), .name = row.text(1), .role = role_of(row.text(2))},
      .until = expiry_of(row, 3)};
}

}  // namespace hubcache::access
