#include "hubcache/xet/reconstruction.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace hubcache::xet {
namespace {

using Json = nlohmann::json;

Json span(std::uint64_t start, std::uint64_t end) { return {{"start", start}, {"end", end}}; }

}  // namespace

std::string reconstruction(const Layout& layout, http::ByteRange range, Format format,
                           const std::function<XorbPlace(std::uint64_t xorb)>& place_of) {
  Json terms = Json::array();
  Json xorbs = Json::object();
  for (const auto& term : layout.terms(range)) {
    auto place = place_of(term.xorb);
    const auto chunks = span(term.first_chunk, term.end_chunk);
    const auto bytes = span(term.packed.offset, term.packed.end() - 1);
    terms.push_back({{"hash", place.hash}, {"unpacked_length", term.unpacked}, {"range", chunks}});
    Json entry{{"url", std::move(place.url)}};
    if (format == Format::kV2) {
      entry["ranges"] = Json::array({Json{{"chunks", chunks}, {"bytes", bytes}}});
    } else {
      entry["range"] = chunks;
      entry["url_range"] = bytes;
    }
    xorbs[place.hash] = Json::array({std::move(entry)});
  }
  return Json{{"offset_into_first_range", range.offset % kChunkSize},
              {"terms", std::move(terms)},
              {format == Format::kV2 ? "xorbs" : "fetch_info", std::move(xorbs)}}
      .dump();
}

}  // namespace hubcache::xet
