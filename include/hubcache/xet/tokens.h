#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/base/clock.h"
#include "hubcache/db/secrets.h"
#include "hubcache/hub/types.h"

namespace hubcache::xet {

/// What a token says: who was let read which commit, and by what. That it may still be so is
/// looked at each time it is shown.
struct Claims {
  std::string distribution{};   // its id
  std::string scope{};          // of the endpoint: remote and epoch
  hub::RepoId repo{};           // by its canonical name
  std::string commit{};         // 40 hex
  std::string caller{};         // whose right it is: the remote's, anybody's, their own
  std::string authorization{};  // the request's, to ask again with; sealed in the token
  std::string path{};           // of a xorb's URL: of which file
  std::uint64_t xorb = 0;       // of a xorb's URL: which of its xorbs
  bool whole = false;           // of a xorb's URL: all of the file is being read
  WallTime issued{};            // of a xorb's URL: when the token was by which it was asked for
  WallTime expires{};
};

/// Makes and reads the tokens of Xet clients. They are nowhere but with the clients, so they are
/// good across restarts: claims in base64url, then their HMAC. Its key follows from the secrets'
/// key and the day of issue, so that yesterday's is only good for what was issued then. When the
/// secrets' key is replaced, tokens from before are good to their end. The caller's Authorization
/// is encrypted. Callable from any thread.
class Tokens {
 public:
  /// A 401 on a reconstruction is final for clients, so not too short (contract/xet.md).
  static constexpr std::chrono::minutes kLongest = db::SecretBox::kGrace;

  /// `secrets` outlives this.
  explicit Tokens(const db::SecretBox& secrets) : secrets_(secrets) {}

  std::string make(const Claims& claims) const;
  /// nullopt for what make() did not make, and for what has expired or is of the future.
  std::optional<Claims> read(std::string_view token, WallTime now) const;

 private:
  bool is_signed(std::string_view text, WallTime issued, std::string_view signature) const;
  const db::SecretBox& secrets_;
};

}  // namespace hubcache::xet
