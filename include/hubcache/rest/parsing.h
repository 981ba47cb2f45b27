#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/http/message.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {

/// A body that could be read, or the status and text of the refusal.
struct Parsed {
  Input input;
  int status = 0;      // 0: read
  std::string detail;  // "JSON parse error - ..."
};

/// Reads JSON, a form or multipart; no body is an empty object. What is no object is kept as it is,
/// for validate_object() to word.
Parsed parse_body(const http::Request& request);

/// "D800" when the text holds a lone surrogate as parse_body() left it, or "".
std::string lone_surrogate(std::string_view text);

}  // namespace hubcache::rest
