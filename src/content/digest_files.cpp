#include "hubcache/content/digest_files.h"

#include <memory>
#include <string>
#include <utility>

#include "hubcache/content/browsers.h"
#include "hubcache/content/errors.h"
#include "hubcache/content/rights.h"
#include "hubcache/http/multipart.h"
#include "hubcache/hub/refusal.h"

#include "stopwatch.h"

namespace hubcache::content {
namespace {

Error object_not_found() { return hub::refusal_of(404, "EntryNotFound", "Entry not found", {}); }

}  // namespace

Task<http::Response> DigestFiles::get(const http::Request& request, Place place, hub::FileRef file,
                                      http::Headers said) {
  try {
    co_return co_await answer(request, place, file, said);
  } catch (const Error& error) {
    if (!is_of_the_past(error, place.credential)) throw;
  }
  co_return co_await answer(request, place, file, said);
}

Task<http::Response> DigestFiles::answer(const http::Request& request, const Place& place,
                                         const hub::FileRef& file, const http::Headers& said) {
  hub::Probe probe(services_.flights, place.endpoint, place.credential, file);
  const Stopwatch stopwatch;
  const auto right = co_await require_read(services_, place, probe);
  const auto named = co_await services_.named.get(probe);
  const auto waited = waited_for_hub(probe, stopwatch);
  if (!named) throw object_not_found();
  place.rules.require_file(probe.file(), named->size);
  const auto digest = Digest::from_text(file.path.substr(0, file.path.find('/')));

  http::Response response;
  response.headers = said;
  response.headers.set("Content-Type", "application/octet-stream");
  shield(response);
  const std::string etag = '"' + digest->hex() + '"';
  response.headers.set("ETag", etag);
  const auto plan = http::apply_conditions(request, etag, named->size, response);
  if (right.stale || named->stale) response.served.cache = "stale";
  response.served.upstream = waited;
  if (request.is_head() || plan.status >= 300 || named->size == 0) co_return response;

  UpstreamFile upstream{.endpoint = place.endpoint,
                        .credential = probe.credential(),
                        .file = probe.file(),
                        .location = named->location,
                        .digest = digest,
                        .size = named->size,
                        .client = place.client};
  const auto manner = place.streamed ? Manner::kStreamed : Manner::kPlain;
  auto served = std::make_shared<http::Served>(response.served);
  auto open = [this, upstream, manner, served](http::RangePlan part) {
    return open_part(upstream, manner, std::move(part), served);
  };
  response = co_await http::with_body(std::move(response), plan, named->size, std::move(open));
  response.served = *served;
  co_return response;
}

Task<http::Body> DigestFiles::open_part(UpstreamFile file, Manner manner, http::RangePlan plan,
                                        std::shared_ptr<http::Served> served) {
  co_return co_await bytes_.open(std::move(file), manner, std::move(plan), *served);
}

}  // namespace hubcache::content
