#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "integration/fixture.h"

namespace hubcache::test {

/// A server with Xet on, and what hf_xet does with it (contract/xet.md).
class XetTest : public ServerTest {
 protected:
  using Json = nlohmann::json;
  static constexpr std::string_view kBig = "model.safetensors";  // of org/model: two xorbs

  XetTest();

  /// The answer of xet-read-token, below the distribution `hf`.
  Answer ask_token(const std::string& repo = "org/model", const std::string& revision = {},
                   std::string_view caller = {});
  std::string token(const std::string& repo = "org/model", std::string_view caller = {});
  /// `route` is what stands before the file's id.
  Answer reconstruct(const std::string& token, const std::string& id, std::string_view range = {},
                     std::string_view route = "v2/reconstructions/");
  /// One xorb as a reconstruction names it.
  struct Xorb {
    std::string target;  // path and query of its URL
    std::string range;   // as it has to be asked for
    std::uint64_t unpacked = 0;
  };
  static std::vector<Xorb> xorbs_of(const Answer& reconstruction);
  Answer get_xorb(const Xorb& xorb) { return fetch(port, xorb.target, {{"Range", xorb.range}}); }
  /// The chunks' bytes; nullopt for what a client would refuse.
  static std::optional<std::string> unpack(const Answer& xorb);
  /// All of it, or "" when anything fails on the way.
  std::string read(const std::string& token, const std::string& id, std::string_view range = {},
                   std::string_view route = "v2/reconstructions/");

  std::string id_of_big() { return hub.xet_hash("org/model", kBig); }
  std::string big() { return hub.bytes("org/model", kBig); }
};

}  // namespace hubcache::test
