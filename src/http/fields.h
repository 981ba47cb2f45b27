#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hubcache/http/headers.h"

namespace hubcache::http {

/// The parts of HTTP/1 that requests and responses share, read strictly (SECURITY 18). What is
/// wrong comes back as a short text; nullptr means nothing is.
using Problem = const char*;

bool is_token(std::string_view text);
bool is_digits(std::string_view text);

/// Where the header block that `text` begins with ends, past its empty line; nullopt when it goes
/// on. `problem` is set for a bare CR or LF, which would make others see another end than we do.
std::optional<std::size_t> find_head_end(std::string_view text, Problem& problem);

/// Takes the first line, without its CRLF, off a complete header block.
std::string_view take_line(std::string_view& block);

/// CR, LF and NUL become spaces: a value cannot forge a field.
void blank_breaks(std::span<char> value);

/// Reads the field lines up to the empty line.
Problem read_fields(std::string_view block, Headers& into);

/// How long a message's body is.
struct Framing {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
};

Problem read_framing(const Headers& headers, bool http_1_0, Framing& into);

/// Does the comma-separated list hold this token, case aside?
bool list_has(std::string_view list, std::string_view token);

}  // namespace hubcache::http
