// Xet for clients that insist on it: the files cut into uncompressed xorbs, which no client can
// tell from the real ones (contract/xet.md).
#include <algorithm>
#include <charconv>
#include <span>

#include "hubcache/base/digest.h"

#include "hubsim/api.h"

namespace hubsim {
namespace {

constexpr std::uint64_t kChunk = 128 * 1024;
constexpr std::uint64_t kHeader = 8;
constexpr std::uint64_t kChunksPerXorb = 500;
constexpr std::string_view kXorbs = "/xorbs/";

std::string xorb_hash(const std::string& file, std::uint64_t xorb) {
  const auto name = file + ":" + std::to_string(xorb) + ":" + std::to_string(kChunk) + ":" +
                    std::to_string(kChunksPerXorb);
  hubcache::Hasher hasher(hubcache::Digest::Algorithm::kSha256, name.size());
  hasher.update(std::as_bytes(std::span(name)));
  return hasher.finish().hex();
}

std::string chunk_header(std::uint64_t size) {
  std::string header;
  for (int twice = 0; twice < 2; ++twice) {
    header += '\0';
    for (unsigned shift = 0; shift < 24; shift += 8) {
      header += static_cast<char>(static_cast<unsigned char>(size >> shift & 255U));
    }
  }
  return header;
}

// One run of chunks within one xorb; indices count from the xorb's start, `end` is excluded.
struct Term {
  std::uint64_t xorb;
  std::uint64_t first;
  std::uint64_t end;
  std::uint64_t unpacked;
};

std::vector<Term> terms_of(std::uint64_t size, std::uint64_t first_byte, std::uint64_t last_byte) {
  std::vector<Term> terms;
  const auto last = last_byte / kChunk;
  for (auto at = first_byte / kChunk; at <= last;) {
    const auto xorb = at / kChunksPerXorb;
    const auto end = std::min(last + 1, (xorb + 1) * kChunksPerXorb);
    terms.push_back({xorb, at - xorb * kChunksPerXorb, end - xorb * kChunksPerXorb,
                     std::min(end * kChunk, size) - at * kChunk});
    at = end;
  }
  return terms;
}

Json span_json(std::uint64_t start, std::uint64_t end) { return {{"start", start}, {"end", end}}; }

Json reconstruction(const Site& site, const std::string& file, const std::vector<Term>& terms,
                    std::uint64_t offset, bool v2) {
  Json answer = {{"offset_into_first_range", offset}, {"terms", Json::array()}};
  auto& xorbs = answer[v2 ? "xorbs" : "fetch_info"] = Json::object();
  for (const auto& term : terms) {
    const auto hash = xorb_hash(file, term.xorb);
    const auto url = site.cdn_url + std::string(kXorbs) + file + "/" + std::to_string(term.xorb);
    const auto chunks = span_json(term.first, term.end);
    const auto packed = term.unpacked + (term.end - term.first) * kHeader;
    const auto start = term.first * (kChunk + kHeader);
    const auto bytes = span_json(start, start + packed - 1);
    answer["terms"].push_back(
        {{"hash", hash}, {"unpacked_length", term.unpacked}, {"range", chunks}});
    auto entry =
        v2 ? Json{{"url", url}} : Json{{"range", chunks}, {"url", url}, {"url_range", bytes}};
    if (v2) entry["ranges"].push_back({{"chunks", chunks}, {"bytes", bytes}});
    xorbs[hash].push_back(std::move(entry));
  }
  return answer;
}

}  // namespace

Response answer_cas(const Site& site, const Request& request) {
  if (!site.behaviour.xet || request.path.find("/telemetry") != std::string::npos) {
    return request.method == "POST" ? Response{} : page_not_found();
  }
  if (!request.header("authorization").starts_with("Bearer xet_")) {
    return json_error(401, "Unauthorized");
  }
  const auto id = request.path.substr(request.path.rfind('/') + 1);
  const auto blob = site.world.by_xet_hash(id);
  if (!blob || blob->size() == 0) return page_not_found();
  const auto range = parse_range(request.header("range"), blob->size());
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    return json_error(416, "Range not satisfiable");
  }
  const bool whole = range.kind == ByteRange::Kind::kWhole;
  const auto last = whole ? blob->size() - 1 : range.first + range.count - 1;
  const auto terms = terms_of(blob->size(), range.first, last);
  const bool v2 = request.path.starts_with("/_cas/v2/");
  return json_answer(site, request, reconstruction(site, id, terms, range.first % kChunk, v2));
}

std::optional<Response> answer_xorb(const Site& site, const Request& request) {
  if (!request.path.starts_with(kXorbs)) return std::nullopt;
  const auto parts = split(std::string_view(request.path).substr(kXorbs.size()), '/');
  const auto blob = parts.size() == 2 ? site.world.by_xet_hash(parts[0]) : nullptr;
  if (!blob) return page_not_found();
  std::uint64_t xorb = 0;
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), xorb);
  const auto begin = xorb * kChunksPerXorb * kChunk;
  const auto end = std::min(begin + kChunksPerXorb * kChunk, blob->size());
  if (begin >= end) return page_not_found();
  const auto size = end - begin + (end - begin + kChunk - 1) / kChunk * kHeader;
  auto range = parse_range(request.header("range"), size);
  Response response;
  response.set("Content-Type", "application/octet-stream");
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    response.status = 416;
    response.set("Content-Range", "bytes */" + std::to_string(size));
    return response;
  }
  if (range.kind == ByteRange::Kind::kWhole) {
    range.count = size;
  } else {
    response.status = 206;
    response.set("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                      std::to_string(range.first + range.count - 1) + "/" +
                                      std::to_string(size));
  }
  const auto first = range.first / (kChunk + kHeader);
  for (auto chunk = first; response.text.size() < range.count + kChunk; ++chunk) {
    const auto at = begin + chunk * kChunk;
    if (at >= end) break;
    const auto bytes = blob->bytes(at, std::min(kChunk, end - at));
    response.text += chunk_header(bytes.size()) + bytes;
  }
  response.text = response.text.substr(range.first - first * (kChunk + kHeader), range.count);
  return response;
}

}  // namespace hubsim
