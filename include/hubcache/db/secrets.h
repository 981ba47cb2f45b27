#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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

  /// Reads the key (64 hex digits) from the file; a file that does not exist is created, 0600, with
  /// a new key, durably. Throws kForbidden when others may read the file, kCorrupt for anything
  /// that is not a key. While the key is being changed, older ones stand below it: they open what
  /// they sealed.
  static SecretBox load(const std::filesystem::path& file);
  /// Puts a new key above those in the file, durably. Throws as load().
  static void add_key(const std::filesystem::path& file);
  /// Leaves only the newest key in the file, durably: what others sealed opens no more.
  static void drop_old_keys(const std::filesystem::path& file);

  explicit SecretBox(std::string_view key) : SecretBox(std::vector{std::string(key)}) {}
  /// Of 32 bytes each, the newest first: that one seals.
  explicit SecretBox(const std::vector<std::string>& keys);

  std::string seal(std::string_view secret, const Place& place) const;
  /// Throws kCorrupt for whatever seal() did not make for this place with one of these keys.
  std::string open(std::string_view sealed, const Place& place) const;
  /// 32 bytes that follow from the newest key and the label, as the key of keyed_hash().
  std::string derive(std::string_view label) const;

 private:
  struct Key {
    std::string id;
    std::string sealing;
  };
  std::string newest_;
  std::vector<Key> keys_;  // the newest first
};

}  // namespace hubcache::db
