#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "hubcache/catalog/documents.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/types.h"

namespace hubcache::content {

/// The Hub's API answer as a client of ours gets it, a refusal included: Link made our own, the
/// xet fields left out (contract/hub.md 2.3, 4.3), nothing that a browser would run; a 304
/// or packed as http::finish_text has it.
Task<http::Response> document_response(Services& services, const http::Request& request,
                                       const hub::DocumentAnswer& answer, const Place& place);

/// Says in `served` where the document comes from; `waited` is how long it took to be got.
void note(const catalog::Document& document, std::chrono::microseconds waited,
          http::Served& served);

/// Is this media type JSON, whatever else it says of it? No browser takes that for a page.
bool is_json(std::string_view content_type);

/// The path of a document below the hub's base URL with the request's query.
std::string with_query(std::string path, const http::Request& request);

}  // namespace hubcache::content
