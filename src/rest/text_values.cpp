#include "text_values.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "hubcache/http/url.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/validation.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kLongestUrl = 200;

std::string stripped(const std::string& text) {
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

bool is_canonical_path(const std::string& path) {
  if (path.find_first_of("\n\r\t\f\v ?#") != std::string::npos) return false;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = std::string_view(path).substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return true;
}

/// What is wrong with one certificate, or "".
std::string certificate_error(const std::string& block) {
  BIO* source = ::BIO_new_mem_buf(block.data(), static_cast<int>(block.size()));
  X509* certificate = ::PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
  ::BIO_free(source);
  if (certificate != nullptr) {
    ::X509_free(certificate);
    return {};
  }
  std::array<char, 256> reason{};
  ::ERR_error_string_n(::ERR_get_error(), reason.data(), reason.size());
  ::ERR_clear_error();
  return reason.data();
}

std::optional<Json> read_pem(const Field& field, const std::string& text, Json& error) {
  std::string kept;
  std::size_t begin = 0;
  while ((begin = text.find(kBegin, begin)) != std::string::npos) {
    auto end = text.find(kEnd, begin);
    if (end == std::string::npos) break;
    end += kEnd.size();
    const auto block = text.substr(begin, end - begin) + "\n";
    if (const auto reason = certificate_error(block); !reason.empty()) {
      error = error_list("Invalid " + field.name + " specified, error '" + reason + "'");
      return std::nullopt;
    }
    kept += block;
    begin = end;
  }
  if (kept.empty()) {
    error = error_list("No " + field.name + " specified in string " + text);
    return std::nullopt;
  }
  return kept;
}

std::string format_error(const Field& field, const std::string& text) {
  switch (field.type) {
    case Field::Type::kUrl: {
      const auto url = http::Url::parse(text);
      if (!url || !url->query.empty() || text.find('#') != std::string::npos) {
        return "Enter a valid URL.";
      }
      if (text.size() > kLongestUrl) {
        return "Ensure this field has no more than 200 characters.";
      }
      return {};
    }
    case Field::Type::kPath:
      return is_canonical_path(text) ? "" : "Relative path is not in canonical form. " + text;
    default:
      return {};
  }
}

}  // namespace

std::string scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return python_text(value);
}

std::string python_text(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    const char quote = text.find('\'') == std::string::npos ? '\'' : '"';
    return quote + text + quote;
  }
  if (!value.is_structured()) return to_text(value);
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += python_text(Json(key)) + ": ";
    text += python_text(item);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::optional<Json> read_text(const Field& field, const Json& raw, Json& error) {
  const auto refuse = [&error](std::string text) -> std::optional<Json> {
    error = error_list(std::move(text));
    return std::nullopt;
  };
  if (!raw.is_string() && !raw.is_number()) {
    return refuse(field.type == Field::Type::kUrl ? "Enter a valid URL." : "Not a valid string.");
  }
  auto value = scalar_text(raw);
  if (const auto surrogate = lone_surrogate(value); !surrogate.empty()) {
    return refuse("Surrogate characters are not allowed: U+" + surrogate + ".");
  }
  const auto bare = stripped(value);
  const bool is_blank = field.keeps_spaces ? value.empty() : bare.empty();
  if (is_blank && !field.may_be_blank) return refuse("This field may not be blank.");
  if (!field.keeps_spaces) value = bare;
  if (value.find('\0') != std::string::npos) {
    refuse("Null characters are not allowed.");
    if (field.type == Field::Type::kUrl) error.push_back("Enter a valid URL.");
    return std::nullopt;
  }
  if (field.type == Field::Type::kPem) return read_pem(field, value, error);
  if (auto complaint = format_error(field, value); !complaint.empty()) {
    return refuse(std::move(complaint));
  }
  for (const auto& check : field.checks) {
    if (auto complaint = check(value)) return refuse(std::move(*complaint));
  }
  return value;
}

std::optional<Json> read_choice(const Field& field, const Json& raw, Json& error) {
  auto value = scalar_text(raw);
  if (raw.is_string() && std::ranges::find(field.choices, value) != field.choices.end()) {
    return value;
  }
  error = error_list("\"" + value + "\" is not a valid choice.");
  return std::nullopt;
}

}  // namespace hubcache::rest
