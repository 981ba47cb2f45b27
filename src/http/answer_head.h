#pragma once

#include <string_view>

#include "hubcache/http/headers.h"

#include "fields.h"

namespace hubcache::http {

/// The head of an upstream's answer.
struct AnswerHead {
  int status = 0;
  Headers headers;
  Framing framing;
  bool keep_alive = true;
};

/// Reads a complete header block as strictly as the server reads requests (SECURITY 18).
Problem read_answer_head(std::string_view block, AnswerHead& into);

}  // namespace hubcache::http
