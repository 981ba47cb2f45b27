// The configuration file.
#include <fstream>

#include <unistd.h>

#include "hubcache/app/config.h"
#include "hubcache/base/error.h"

#include "fuzz.h"

namespace hubcache::fuzz {
namespace {

/// A file of this process, in memory.
const std::string& scratch() {
  static const std::string path = "/dev/shm/hubcache-fuzz-" + std::to_string(::getpid());
  return path;
}

void write(std::string_view text) {
  std::ofstream(scratch(), std::ios::binary | std::ios::trunc) << text;
}

void try_config(std::string_view text) {
  write(text);
  try {
    const auto config = app::load_config(scratch(), {}, {});
    const auto printed = app::print_config(config);
    write(printed);
    const auto again = app::load_config(scratch(), {}, {});
    require(again.server.listen == config.server.listen && again.cache == config.cache &&
                again.upstream.url == config.upstream.url,
            "what is printed of a configuration is that configuration");
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kBadRequest, "it is refused as a bad request");
  }
  ::unlink(scratch().c_str());
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_config(hubcache::fuzz::text_of(bytes, size));
  return 0;
}
