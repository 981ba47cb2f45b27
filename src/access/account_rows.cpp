#include "account_rows.h"

#include <algorithm>

namespace hubcache::access {
namespace {

constexpr std::size_t kLongestName = 150;

}  // namespace

std::string_view text_of(Role role) { return role == Role::kAdmin ? "admin" : "downloader"; }
Role role_of(std::string_view text) { return text == "admin" ? Role::kAdmin : Role::kDownloader; }

std::optional<StoredAccount> find_account(db::Connection& sql, const std::string& name) {
  auto row = sql.query("SELECT id, role, password FROM accounts WHERE name = ?1", name);
  if (!row.step()) return std::nullopt;
  return StoredAccount{
      .account = {.id = row.integer(0), .name = name, .role = role_of(row.text(1))},
      .hash = row.text(2)};
}

Error no_such_account(const std::string& name) {
  return {Error::Kind::kNotFound, "there is no account \"" + name + "\""};
}

void require_usable_name(const std::string& name, std::string_view what) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!name.empty() && name.size() <= kLongestName && name.find(':') == std::string::npos &&
      std::ranges::none_of(name, control)) {
    return;
  }
  throw Error(Error::Kind::kBadRequest,
              std::string(what) + " has 1 to 150 bytes, no colon and no control characters");
}

}  // namespace hubcache::access
