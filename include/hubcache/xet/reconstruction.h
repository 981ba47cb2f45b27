#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/xet/layout.h"

namespace hubcache::xet {

/// How a reconstruction is written: as hf_xet up to 1.4 asks for it, or since.
enum class Format : std::uint8_t { kV1, kV2 };

/// How a client is told of xorbs.
struct XorbPlaces {
  std::function<std::string(std::uint64_t xorb)> hash_of;
  std::function<std::string(std::uint64_t xorb, const std::string& hash)> url_of;
};

/// A piece of a reconstruction ends with the first xorb that makes it so long.
inline constexpr std::size_t kReconstructionPiece = 64UL * 1024;

/// The JSON document that says which chunks of which xorbs make up that range of the file
/// (contract/xet.md, "Wire example"). Each xorb has one range, so that no client needs multipart.
/// A text if it is one piece. Else it is made piece by piece as it is sent, and others on the
/// worker have their turn in between: `places` is asked until then.
http::Body reconstruction(const Layout& layout, http::ByteRange range, Format format,
                          XorbPlaces places);

}  // namespace hubcache::xet
