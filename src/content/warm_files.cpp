#include "hubcache/content/warm_files.h"

#include <algorithm>
#include <array>
#include <utility>

#include "hubcache/access/caller.h"
#include "hubcache/base/http_status.h"
#include "hubcache/content/stored_files.h"
#include "hubcache/content/xet_route.h"
#include "hubcache/http/range.h"

namespace hubcache::content {
namespace {

// What a request may have beside its target: fields that no route looks at, or that are looked at
// here. Any other may mean another answer.
constexpr std::array<std::string_view, 18> kHarmless{"Host",
                                                     "User-Agent",
                                                     "Accept",
                                                     "Accept-Encoding",
                                                     "Connection",
                                                     "Authorization",
                                                     "If-None-Match",
                                                     "Cache-Control",
                                                     "Pragma",
                                                     "X-Request-Id",
                                                     "X-Amzn-Trace-Id",
                                                     "Traceparent",
                                                     "Accept-Language",
                                                     "X-Forwarded-For",
                                                     "X-Forwarded-Host",
                                                     "X-Forwarded-Prefix",
                                                     "X-Forwarded-Proto",
                                                     "X-Real-IP"};

bool is_harmless(std::string_view name) {
  // The sizes first: this is asked for each field of each request.
  return std::ranges::any_of(kHarmless, [name](std::string_view known) {
    return known.size() == name.size() && http::same_name(name, known);
  });
}

bool is_plain(const http::Request& request) {
  const auto& headers = request.headers;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!is_harmless(headers[i].first)) return false;
  }
  return !asks_for_xet(request);
}

/// Who logs in with a password is not offered Xet (Content::place_of).
bool has_password(const http::Request& request) {
  return access::Caller::of(request.headers).kind == access::Caller::Kind::kBasic;
}

}  // namespace

std::optional<WarmFiles::Form> WarmFiles::form_of(const http::Request& request,
                                                  std::string_view etag) {
  const bool is_conditional = request.headers.has("If-None-Match");
  if (request.is_head()) {
    if (is_conditional || has_password(request)) return std::nullopt;
    return Form::kHead;
  }
  if (request.method != "GET") return std::nullopt;
  if (!is_conditional || !http::none_match_names(request.headers, etag)) return Form::kWhole;
  return Form::kNotModified;
}

WarmFiles::Lines& WarmFiles::lines_of(Warm& warm, Form form) {
  switch (form) {
    case Form::kWhole:
      return warm.whole;
    case Form::kNotModified:
      return warm.not_modified;
    case Form::kHead:
      return warm.head;
  }
  return warm.whole;
}

std::optional<http::Response> WarmFiles::find(const http::Request& request) {
  if (!is_plain(request)) return std::nullopt;
  if (auto* const warm = warm_.find(request.target)) {
    if (auto response = find_in(*warm, request)) return response;
  }
  return services_.stored_files.find(request, services_, bytes_);
}

std::optional<http::Response> WarmFiles::find_in(Warm& warm, const http::Request& request) {
  const auto form = form_of(request, warm.etag);
  if (!form) return std::nullopt;
  const auto& lines = lines_of(warm, *form);
  const bool is_as_before = lines && warm.ground.holds(services_) &&
                            services_.catalog.entry_at_once(warm.key) == warm.entry.get();
  if (!is_as_before) return std::nullopt;

  http::Response response;
  const auto& entry = *warm.entry;
  if (*form == Form::kWhole) {
    auto bytes = bytes_.whole_at_once(entry, warm.proof, response.served);
    if (!bytes) return std::nullopt;
    response.body = *std::move(bytes);
  } else if (*form == Form::kNotModified) {
    response.status = http_status::kNotModified;
  } else if (has_xet(entry)) {
    // Offered by the name that this server was asked by.
    const bool is_offered = http::public_base(request, name_) == warm.base &&
                            bytes_.open_blob(entry, warm.proof) != nullptr;
    if (!is_offered) return std::nullopt;
  }
  response.made_before = lines;
  warm.ground.note_read(services_);
  return response;
}

bool WarmFiles::can_be_kept(const http::Request& request, const Source& source) {
  const auto& place = source.place;
  const bool lasts = !place.guarded && !place.streamed && !place.background;
  return lasts && source.entry->digest && is_plain(request) &&
         request.target.size() <= kLongestTarget && request.query().empty();
}

void WarmFiles::keep_stored(const http::Request& request, const Source& source,
                            const http::Response& response) {
  const auto* const bytes = std::get_if<http::FileSpan>(&response.body);
  const bool is_whole =
      bytes != nullptr && response.status == http_status::kOk && response.served.cache == "hit";
  if (!is_whole || request.method != "GET" || !can_be_kept(request, source)) return;
  const auto& [place, file, commit, entry] = source;
  const auto ground = Ground::of(place, file, commit);
  auto& stored = services_.stored_files;
  if (stored.keep(request, services_, ground, file, *entry, *bytes->file)) {
    keep(request, source, response);
  }
}

void WarmFiles::keep(const http::Request& request, const Source& source,
                     const http::Response& response) {
  const auto& [place, file, commit, entry] = source;
  if (!can_be_kept(request, source)) return;
  auto base = http::public_base(request, name_);
  if (base.size() > kLongestBase) return;
  const std::string etag = '"' + entry->etag + '"';
  const auto form = form_of(request, etag);
  const int expected = form == Form::kNotModified ? http_status::kNotModified : http_status::kOk;
  if (!form || response.status != expected) return;
  // It could not be checked then (FileRoute::can_be_checked), which may change.
  const bool is_without_offer =
      form == Form::kHead && place.xet && has_xet(*entry) && !response.headers.has("X-Xet-Hash");
  if (is_without_offer) return;

  const auto& endpoint = *place.endpoint;
  auto ground = Ground::of(place, file, commit);
  std::string key = ground.keys.folder + file.path;
  Warm now{.ground = std::move(ground),
           .key = std::move(key),
           .proof = access::Proofs::key_of(endpoint.origin_key(), file.repo.key(), *entry->digest),
           .base = std::move(base),
           .entry = entry,
           .etag = etag};
  const auto* before = warm_.find(request.target);
  if (before != nullptr && before->ground.is_same(now.ground) && before->entry == now.entry) {
    now.whole = before->whole;
    now.not_modified = before->not_modified;
    if (before->base == now.base) now.head = before->head;
  }
  lines_of(now, *form) =
      std::make_shared<const std::string>(http::header_lines(response, request.is_head()));
  warm_.put(request.target, std::move(now));
}

}  // namespace hubcache::content
