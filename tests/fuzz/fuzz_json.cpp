// JSON as an upstream may send it.
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/content/json_filter.h"
#include "hubcache/hub/bounded_json.h"

#include "catalog/tree_page.h"
#include "fuzz.h"

namespace hubcache::fuzz {
namespace {

void try_json(std::string_view text) {
  const auto value = hub::bounded_json(text);
  hub::bounded_json(text, 1);
  try {
    for (const auto& file : catalog::read_tree_page(text)) {
      require(!file.path.empty(), "a file has a path");
      require(!value.is_discarded(), "a page is JSON");
    }
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kUpstream, "a page is refused as the upstream's fault");
  }
  try {
    const auto filtered = content::without_xet(text);
    if (value.is_discarded()) return;
    const auto again = hub::bounded_json(filtered);
    require(!again.is_discarded(), "what is left of JSON is JSON");
    require(content::without_xet(filtered) == filtered, "and stays as it is");
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kUpstream, "what is no JSON is the upstream's fault");
  }
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_json(hubcache::fuzz::text_of(bytes, size));
  return 0;
}
