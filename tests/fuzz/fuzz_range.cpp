// Range and conditions. The first line is the size, the second Range, the third If-Range, the rest
// If-None-Match.
#include <charconv>

#include "hubcache/http/range.h"

#include "fuzz.h"

namespace hubcache::fuzz {
namespace {

constexpr std::string_view kEtag = "\"abc\"";

void require_inside(http::ByteRange range, std::uint64_t size) {
  require(range.offset <= size && range.length <= size - range.offset, "a range ends in the file");
}

void try_plan(std::string_view text) {
  const auto number = take_line(text);
  std::uint64_t size = 0;
  std::from_chars(number.data(), number.data() + number.size(), size);
  size /= 2;  // no file is larger than its row can say
  http::Request request;
  for (const auto* name : {"Range", "If-Range", "If-None-Match"}) {
    const auto value = take_line(text);
    if (!value.empty()) request.headers.add(name, std::string(value));
  }
  http::Response response;
  const auto plan = http::apply_conditions(request, kEtag, size, response);
  require(plan.status == 200 || plan.status == 206 || plan.status == 304 || plan.status == 412 ||
              plan.status == 416,
          "one of five statuses");
  require_inside(plan.range, size);
  if (plan.status == 200) {
    require(plan.range == http::ByteRange{.offset = 0, .length = size}, "200 is the whole");
  }
  require(plan.parts.size() <= http::kMostRanges, "not too many parts");
  std::uint64_t sum = 0;
  for (const auto& part : plan.parts) {
    require_inside(part, size);
    require(part.length > 0, "no part is empty");
    sum += part.length + http::kPartOverhead;
  }
  require(sum == 0 || sum <= size + 2 * http::kPartOverhead, "no more than the whole");
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_plan(hubcache::fuzz::text_of(bytes, size));
  return 0;
}
