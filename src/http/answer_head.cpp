#include "answer_head.h"

namespace hubcache::http {

Problem read_answer_head(std::string_view block, AnswerHead& into) {
  constexpr std::size_t kVersionSize = 8;
  const auto line = take_line(block);
  const auto version = line.substr(0, kVersionSize);
  const bool http_1_0 = version == "HTTP/1.0";
  if (!http_1_0 && version != "HTTP/1.1") return "no status line of HTTP/1";
  const auto rest = line.substr(kVersionSize);
  if (rest.size() < 4 || rest[0] != ' ' || (rest.size() > 4 && rest[4] != ' ')) {
    return "bad status line";
  }
  const auto digits = rest.substr(1, 3);
  if (!is_digits(digits) || digits[0] < '1' || digits[0] > '5') return "bad status";
  into.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  if (const auto* problem = read_fields(block, into.headers)) return problem;
  if (const auto* problem = read_framing(into.headers, http_1_0, into.framing)) return problem;
  into.keep_alive = !http_1_0;
  for (const auto value : into.headers.all("Connection")) {
    if (list_has(value, "close")) into.keep_alive = false;
  }
  return nullptr;
}

}  // namespace hubcache::http
