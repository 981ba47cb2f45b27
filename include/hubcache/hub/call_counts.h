#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hubcache/obs/counts.h"

namespace hubcache::hub {

/// What a request upstream is about.
enum class CallKind : std::uint8_t {
  kRight,     // may this credential read the repo?
  kFile,      // which file is it, by HEAD
  kDocument,  // what the API says
  kGit,       // git and git-lfs, passed through or asked
  kBytes,     // of a file, from the hub itself
  kCdn,       // the same from its CDN
};

/// The requests that one worker made upstream; each hop of a redirect is one. Readable from any
/// thread.
struct CallCounts {
  static constexpr std::array<std::string_view, 6> kNames{"right", "file",  "document",
                                                          "git",   "bytes", "cdn"};
  struct Calls {
    obs::StatusCounts answers;  // 0: there was none
    obs::Timings times;         // until the header of the answer
  };
  std::array<Calls, kNames.size()> of;  // by CallKind
};

}  // namespace hubcache::hub
