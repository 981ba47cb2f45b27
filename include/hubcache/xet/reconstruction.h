#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hubcache/http/range.h"
#include "hubcache/xet/layout.h"

namespace hubcache::xet {

/// How a reconstruction is written: as hf_xet up to 1.4 asks for it, or since.
enum class Format : std::uint8_t { kV1, kV2 };

/// A xorb as it is told to a client.
struct XorbPlace {
  std::string hash;
  std::string url;
};

/// The JSON document that says which chunks of which xorbs make up that range of the file
/// (contract/xet.md, "Wire example"). Each xorb has one range, so that no client needs multipart.
std::string reconstruction(const Layout& layout, http::ByteRange range, Format format,
                           const std::function<XorbPlace(std::uint64_t xorb)>& place_of);

}  // namespace hubcache::xet
