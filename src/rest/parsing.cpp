#include "hubcache/rest/parsing.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "hubcache/base/text.h"
#include "hubcache/http/headers.h"
#include "hubcache/http/url.h"

namespace hubcache::rest {
namespace {

/// Deeper is nobody's resource, and costs a copy of it a stack.
constexpr int kDeepest = 32;
/// Stands before the digits of a lone surrogate, which is no character and which no UTF-8 can hold:
/// a noncharacter (U+FDD0) that nobody sends.
constexpr std::string_view kSurrogateMark = "\xef\xb7\x90";

std::optional<unsigned> hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(at, 4)) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

bool is_escape_at(std::string_view text, std::size_t at) {
  return at + 1 < text.size() && text[at] == '\\' && text[at + 1] == 'u';
}

/// JSON with `\ud800` that has no partner replaced by a mark: the parser would refuse the whole
/// body, but the answer must name the field.
std::string mark_surrogates(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      result += text[i++];
      continue;
    }
    const auto code = is_escape_at(text, i) ? hex4(text, i + 2) : std::nullopt;
    if (!code || *code < 0xd800 || *code > 0xdfff) {
      result += text.substr(i, 2);
      i += 2;
      continue;
    }
    const auto next = is_escape_at(text, i + 6) ? hex4(text, i + 8) : std::nullopt;
    if (*code < 0xdc00 && next && *next >= 0xdc00 && *next <= 0xdfff) {
      result += text.substr(i, 12);
      i += 12;
    } else {
      result += kSurrogateMark;
      for (const char c : text.substr(i + 2, 4)) {
        result += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      }
      i += 6;
    }
  }
  return result;
}

std::string json_error(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto newline = before.rfind('\n');
  const auto column =
      newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return "JSON parse error - Expecting value: line " + std::to_string(line) + " column " +
         std::to_string(column) + " (char " + std::to_string(before.size()) + ")";
}

Parsed parse_json(const std::string& body) {
  if (body.starts_with("\xef\xbb\xbf")) {
    return {.input = {},
            .status = 400,
            .detail =
                "JSON parse error - Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 "
                "column 1 (char 0)"};
  }
  const bool suspicious = body.find("\\u") != std::string::npos;
  const std::string text = suspicious ? mark_surrogates(body) : body;
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  try {
    Parsed parsed;
    parsed.input.values = Json::parse(text, watch_depth);
    if (too_deep) return {.input = {}, .status = 400, .detail = "JSON parse error - Too deep"};
    return parsed;
  } catch (const Json::parse_error& failure) {
    return {.input = {}, .status = 400, .detail = json_error(text, failure.byte)};
  } catch (const Json::exception&) {  // a number that none can hold
    return {.input = {}, .status = 400, .detail = json_error(text, 1)};
  }
}

/// `labels.k` is the entry k of a map (contract/pulp.md 3.5).
void set_form_value(Input& form, const std::string& name, Json value) {
  const auto dot = name.find('.');
  if (dot == std::string::npos) {
    form.lists[name].push_back(value);
    form.values[name] = std::move(value);
    return;
  }
  auto& map = form.values[name.substr(0, dot)];
  if (!map.is_object()) map = Json::object();
  map[name.substr(dot + 1)] = std::move(value);
}

Parsed parse_form(std::string_view body) {
  Parsed parsed;
  parsed.input.is_form = true;
  for (auto& [name, value] : http::parse_pairs(body)) {
    set_form_value(parsed.input, name, std::move(value));
  }
  return parsed;
}

std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  const auto folded = lower_case(header);
  const auto at = folded.find(std::string(name) + "=");
  if (at == std::string::npos) return std::nullopt;
  auto value = header.substr(at + name.size() + 1);
  if (value.starts_with('"')) return std::string(value.substr(1, value.find('"', 1) - 1));
  return std::string(trimmed(value.substr(0, value.find(';'))));
}

/// RFC 7578. A file is no value of any field here: it becomes an object, which none accepts.
Parsed parse_multipart(std::string_view body, std::string_view content_type) {
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty()) {
    return {.input = {},
            .status = 400,
            .detail = "Multipart form parse error - Invalid boundary in multipart: " +
                      boundary.value_or("None")};
  }
  const auto delimiter = "--" + *boundary;
  Parsed parsed;
  parsed.input.is_form = true;
  auto at = body.find(delimiter);
  while (at != std::string_view::npos) {
    auto part = body.substr(at + delimiter.size());
    if (part.starts_with("--")) break;
    const auto next = part.find("\r\n" + delimiter);
    const auto head_end = part.find("\r\n\r\n");
    if (next == std::string_view::npos || head_end == std::string_view::npos || head_end > next) {
      break;
    }
    const auto head = part.substr(0, head_end);
    const auto value = part.substr(head_end + 4, next > head_end + 4 ? next - head_end - 4 : 0);
    if (const auto name = parameter(head, " name")) {
      const bool is_file = parameter(head, "filename").has_value();
      set_form_value(parsed.input, *name, is_file ? Json::object() : Json(value));
    }
    at = body.find(delimiter, at + delimiter.size() + next);
  }
  return parsed;
}

}  // namespace

Parsed parse_body(const http::Request& request) {
  if (request.body.empty()) return {};
  const std::string header(request.headers.get("Content-Type").value_or(""));
  const auto media = lower_case(trimmed(std::string_view(header).substr(0, header.find(';'))));
  if (media == "application/json" || media == "application/*" || media == "*/*")
    return parse_json(request.body);
  if (media == "application/x-www-form-urlencoded") return parse_form(request.body);
  if (media == "multipart/form-data") return parse_multipart(request.body, header);
  return {.input = {},
          .status = 415,
          .detail = "Unsupported media type \"" + header + "\" in request."};
}

std::string lone_surrogate(std::string_view text) {
  const auto at = text.find(kSurrogateMark);
  if (at == std::string_view::npos) return {};
  return std::string(text.substr(at + kSurrogateMark.size(), 4));
}

}  // namespace hubcache::rest
