// URLs, references and escapes. The first line is a URL, the rest a reference to resolve against
// it.
#include "hubcache/http/url.h"
#include "hubcache/hub/paging.h"
#include "hubcache/hub/urls.h"

#include "fuzz.h"

namespace hubcache::fuzz {
namespace {

using http::Url;

void require_same(const Url& url) {
  const auto again = Url::parse(url.text());
  require(again.has_value(), "the text of a URL is a URL");
  require(again->scheme == url.scheme && again->host == url.host && again->port == url.port &&
              again->path == url.path && again->query == url.query,
          "parse(build(parts)) == parts");
  require(url.same_origin(*again), "and of the same origin");
  require(http::is_authority(url.authority()), "an authority is one");
}

void try_escapes(std::string_view text) {
  const bool has_nul = text.find('\0') != std::string_view::npos;
  const auto encoded = http::percent_encode(text);
  const auto back = http::percent_decode(encoded);
  require(has_nul ? !back : back == text, "decode(encode(text)) == text");
  if (const auto decoded = http::percent_decode(text)) {
    require(decoded->find('\0') == std::string::npos, "no NUL is decoded");
    require(http::percent_decode(http::percent_encode(*decoded)) == *decoded, "and once more");
  }
  http::parse_pairs(text);
}

void try_urls(std::string_view text) {
  try_escapes(text);
  const auto url = Url::parse(take_line(text));
  if (!url) return;
  require_same(*url);
  if (const auto resolved = url->resolve(text)) {
    require_same(*resolved);
    const bool has_path =
        !text.empty() && text[0] != '?' && text[0] != '#';  // else the base's stays
    require(!has_path || resolved->path.find("/../") == std::string::npos, "dots are resolved");
    hub::place_of(*resolved, *url);
  }
  hub::next_target(text, *url);
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_urls(hubcache::fuzz::text_of(bytes, size));
  return 0;
}
