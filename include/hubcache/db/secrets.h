#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/clock.h"

namespace hubcache::db {

/// Encrypts what must not be readable in the database or its backups, with a key that is kept in a
/// file of its own. AES-256-GCM; text `v1.<key id>.<nonce>.<ciphertext and tag>`, the parts in hex.
/// Callable from any thread.
class SecretBox {
 public:
  /// Where a secret stands. What was sealed for one place opens in no other.
  struct Place {
    std::string_view table;
    std::string_view row;
    std::string_view field;
  };

  /// A key, and when another replaced it. In the file: 64 hex digits, then the seconds of Unix
  /// time.
  struct DatedKey {
    std::string key;  // 32 bytes
    std::optional<WallTime> replaced{};
  };
  /// What was made with a key that was replaced, and lasts no longer than this, stays good.
  static constexpr std::chrono::minutes kGrace{15};

  /// Reads the key from the file; a file that does not exist is created, 0600, with
  /// a new key, durably. Throws kForbidden when others may read the file, kCorrupt for anything
  /// that is not a key. Older keys stand below it: they open what they sealed.
  static SecretBox load(const std::filesystem::path& file);
  /// Puts a new key above those in the file, durably; they are replaced `now`. Throws as load().
  static void add_key(const std::filesystem::path& file, WallTime now);
  /// Leaves in the file, durably, the newest key, and those that were replaced less than kGrace
  /// ago: what the others sealed opens no more.
  static void drop_old_keys(const std::filesystem::path& file, WallTime now);

  explicit SecretBox(std::string_view key)
      : SecretBox(std::vector{DatedKey{.key = std::string(key)}}) {}
  /// The newest first: that one seals.
  explicit SecretBox(std::vector<DatedKey> lines);

  std::string seal(std::string_view secret, const Place& place) const;
  /// Throws kCorrupt for whatever seal() did not make for this place with one of these keys.
  std::string open(std::string_view sealed, const Place& place) const;
  /// 32 bytes that follow from the newest key and the label, as the key of keyed_hash().
  std::string derive(std::string_view label) const;
  /// The same of the keys that were replaced, with the time of that: to know again what was made
  /// before.
  std::vector<DatedKey> derive_replaced(std::string_view label) const;

 private:
  struct Key {
    DatedKey line;
    std::string id;
    std::string sealing;
  };
  std::vector<Key> keys_;  // the newest first
};

}  // namespace hubcache::db
