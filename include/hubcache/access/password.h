#pragma once

#include <string>
#include <string_view>

namespace hubcache::access {

/// A yescrypt hash with a fresh salt, as crypt(5) spells it ("$y$..."). Takes tens of milliseconds
/// of processor time: never on a worker. Throws kInternal when libcrypt has no yescrypt.
std::string hash_password(const std::string& password);
/// Is `hash` one of `password`? As slow. False for a hash that is none.
bool password_matches(const std::string& password, const std::string& hash);
/// 24 characters anybody can type, from the system's random source.
std::string generate_password();

}  // namespace hubcache::access
