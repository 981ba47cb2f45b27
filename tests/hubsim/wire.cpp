#include "hubsim/wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include <zlib.h>

#include "hubsim/world.h"

namespace hubsim {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool same_name(std::string_view a, std::string_view b) { return lower_case(a) == lower_case(b); }

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool names_etag(std::string_view header, std::string_view etag) {
  return header == "*" || header.find(etag) != header.npos;
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (auto& [key, value] : parse_form(query)) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool Request::accepts_gzip() const {
  const auto accepted = lower_case(header("accept-encoding"));
  return accepted.find("gzip") != std::string::npos &&
         accepted.find("gzip;q=0") == std::string::npos;
}

void Response::set(std::string_view name, std::string value) {
  for (auto& [key, old] : headers) {
    if (same_name(key, name)) {
      old = std::move(value);
      return;
    }
  }
  headers.emplace_back(std::string(name), std::move(value));
}

void Response::remove(std::string_view name) {
  std::erase_if(headers, [&](const auto& header) { return same_name(header.first, name); });
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      decoded += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kKept = "-_.!~*'()";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || kKept.find(c) != kKept.npos) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4U];
      encoded += kDigits[byte & 15U];
    }
  }
  return encoded;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (text.empty()) return fields;
  for (const auto& field : split(text, '&')) {
    const auto equals = field.find('=');
    auto key = percent_decode(std::string_view(field).substr(0, equals), true);
    auto value = equals == std::string::npos
                     ? std::string()
                     : percent_decode(std::string_view(field).substr(equals + 1), true);
    if (!key.empty()) fields.emplace_back(std::move(key), std::move(value));
  }
  return fields;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
  std::string input(text);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U;
    };
    const unsigned group = at(i) << 16U | at(i + 1) << 8U | at(i + 2);
    text += kBase64[group >> 18U & 63U];
    text += kBase64[group >> 12U & 63U];
    text += i + 1 < bytes.size() ? kBase64[group >> 6U & 63U] : '=';
    text += i + 2 < bytes.size() ? kBase64[group & 63U] : '=';
  }
  return text;
}

std::string base64_decode(std::string_view text) {
  std::string bytes;
  unsigned group = 0;
  unsigned bits = 0;
  for (char c : text) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    const auto value = kBase64.find(c);
    if (value == kBase64.npos) break;
    group = (group << 6U | static_cast<unsigned>(value)) & 0xffffffU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 255U);
  }
  return bytes;
}

ByteRange parse_range(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=")) return {};
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == header.npos || header.find(',') != header.npos) return {};
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return {};
    const auto count = std::min(*last, size);
    if (count == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    return {ByteRange::Kind::kPart, size - count, count};
  }
  if (!first || (!last && dash + 1 != header.size()) || (last && *last < *first)) return {};
  if (*first >= size) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
  const auto end = std::min(last.value_or(size - 1), size - 1);
  return {ByteRange::Kind::kPart, *first, end - *first + 1};
}

void serve_blob(const Request& request, std::shared_ptr<const Blob> blob, std::string etag,
                Response& response) {
  response.set("Accept-Ranges", "bytes");
  const auto if_none_match = request.header("if-none-match");
  if (!if_none_match.empty() && names_etag(if_none_match, etag)) {
    response.set("ETag", std::move(etag));
    response.status = 304;
    return;
  }
  const auto if_range = request.header("if-range");
  auto range = if_range.empty() || if_range == etag
                   ? parse_range(request.header("range"), blob->size())
                   : ByteRange{};
  response.set("ETag", std::move(etag));
  const auto size = std::to_string(blob->size());
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    response.status = 416;
    response.set("Content-Range", "bytes */" + size);
    return;
  }
  if (range.kind == ByteRange::Kind::kWhole) {
    range.count = blob->size();
  } else {
    response.status = 206;
    response.set("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                      std::to_string(range.first + range.count - 1) + "/" + size);
  }
  response.blob = std::move(blob);
  response.first = range.first;
  response.count = range.count;
}

}  // namespace hubsim
