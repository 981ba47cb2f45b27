#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "hubcache/base/text.h"
#include "hubcache/rest/stamps.h"
#include "hubcache/rest/validation.h"

#include "text_values.h"

namespace hubcache::rest {
namespace {

using std::string_view_literals::operator""sv;

std::optional<Json> refuse(Json& error, std::string text) {
  error = error_list(std::move(text));
  return std::nullopt;
}

std::optional<Json> read_boolean(const Json& raw, Json& error) {
  static constexpr std::array kTrue = {"t"sv,   "T"sv,   "y"sv,    "Y"sv,    "yes"sv,
                                       "Yes"sv, "YES"sv, "true"sv, "True"sv, "TRUE"sv,
                                       "on"sv,  "On"sv,  "ON"sv,   "1"sv};
  static constexpr std::array kFalse = {"f"sv,   "F"sv,   "n"sv,     "N"sv,     "no"sv,
                                        "No"sv,  "NO"sv,  "false"sv, "False"sv, "FALSE"sv,
                                        "off"sv, "Off"sv, "OFF"sv,   "0"sv};
  if (raw.is_boolean()) return raw;
  if (raw.is_number() && raw == 1) return true;
  if (raw.is_number() && raw == 0) return false;
  if (raw.is_string()) {
    const auto text = raw.get<std::string>();
    if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
    if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  }
  return refuse(error, "Must be a valid boolean.");
}

/// "3", "-3" and "3.00" are integers to Pulp; "3.5", "1e3" and true are not.
std::optional<std::int64_t> integer_of(const Json& raw) {
  if (raw.is_number_integer()) {
    if (raw.is_number_unsigned() &&
        raw.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      return std::nullopt;
    }
    return raw.get<std::int64_t>();
  }
  if (raw.is_number_float()) {
    const double value = raw.get<double>();
    if (value != std::trunc(value) || std::abs(value) > 9e15) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  if (!raw.is_string()) return std::nullopt;
  const auto text = raw.get<std::string>();
  auto digits = trimmed(text);
  if (const auto point = digits.find('.'); point != std::string_view::npos) {
    if (digits.find_first_not_of('0', point + 1) != std::string_view::npos) return std::nullopt;
    digits = digits.substr(0, point);
  }
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::optional<double> number_of(const Json& raw) {
  if (raw.is_boolean()) return raw.get<bool>() ? 1.0 : 0.0;
  if (raw.is_number()) return raw.get<double>();
  if (!raw.is_string()) return std::nullopt;
  const auto text = raw.get<std::string>();
  auto digits = trimmed(text);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::string bound_text(const Field& field, double bound) {
  if (field.type == Field::Type::kInteger) return std::to_string(static_cast<std::int64_t>(bound));
  return Json(bound).dump();
}

std::string range_error(const Field& field, double value) {
  if (field.minimum && value < *field.minimum) {
    return "Ensure this value is greater than or equal to " + bound_text(field, *field.minimum) +
           ".";
  }
  if (field.maximum && value > *field.maximum) {
    return "Ensure this value is less than or equal to " + bound_text(field, *field.maximum) + ".";
  }
  return {};
}

std::optional<Json> read_integer(const Field& field, const Json& raw, Json& error) {
  const auto value = integer_of(raw);
  if (!value) return refuse(error, "A valid integer is required.");
  auto complaint = range_error(field, static_cast<double>(*value));
  if (!complaint.empty()) return refuse(error, std::move(complaint));
  return *value;
}

std::optional<Json> read_number(const Field& field, const Json& raw, Json& error) {
  const auto value = number_of(raw);
  if (!value || !std::isfinite(*value)) return refuse(error, "A valid number is required.");
  auto complaint = range_error(field, *value);
  if (!complaint.empty()) return refuse(error, std::move(complaint));
  return *value;
}

std::optional<Json> read_labels(const Json& raw, Json& error) {
  if (!raw.is_object()) {
    return refuse(error, "Expected a dictionary of items but got type \"" + type_name(raw) + "\".");
  }
  Json kept = Json::object();
  Json wrong = Json::object();
  for (const auto& [key, value] : raw.items()) {
    if (value.is_null() || value.is_string() || value.is_number()) {
      kept[key] = value.is_null() ? Json() : Json(scalar_text(value));
    } else {
      wrong[key] = error_list("Not a valid string.");
    }
  }
  if (!wrong.empty()) {
    error = std::move(wrong);
    return std::nullopt;
  }
  for (const auto& [key, value] : kept.items()) {
    if (auto complaint = label_error(key, value); !complaint.empty()) {
      return refuse(error, std::move(complaint));
    }
  }
  return kept;
}

/// Names and values that can be header fields: anything else would forge one.
bool is_header(const std::string& name, const Json& value) {
  constexpr std::string_view kNoToken = "()<>@,;:\\\"/[]?={} \t";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (name.empty() || name.find_first_of(kNoToken) != std::string::npos) return false;
  if (std::ranges::any_of(name, control)) return false;
  if (value.is_number() || value.is_boolean()) return true;
  return value.is_string() && std::ranges::none_of(value.get<std::string>(), control);
}

std::optional<Json> read_headers(const Json& raw, Json& error) {
  if (!raw.is_array()) {
    return refuse(error, "Expected a list of items but got type \"" + type_name(raw) + "\".");
  }
  Json wrong = Json::object();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto key = std::to_string(i);
    if (raw[i].is_null()) {
      wrong[key] = error_list("This field may not be null.");
      continue;
    }
    if (!raw[i].is_object()) {
      wrong[key] =
          error_list("Expected a dictionary of items but got type \"" + type_name(raw[i]) + "\".");
      continue;
    }
    for (const auto& [name, value] : raw[i].items()) {
      if (!is_header(name, value)) wrong[key][name] = error_list("Not a valid header.");
    }
  }
  if (!wrong.empty()) {
    error = std::move(wrong);
    return std::nullopt;
  }
  return raw;
}

std::optional<Json> read_time(const Json& raw, Json& error) {
  if (raw.is_string() && parse_iso_time(raw.get<std::string>())) return raw;
  return refuse(error,
                "Datetime has wrong format. Use one of these formats instead: "
                "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].");
}

std::optional<Json> read_texts(const Field& field, const Json& raw, Json& error) {
  if (!raw.is_array()) {
    return refuse(error, "Expected a list of items but got type \"" + type_name(raw) + "\".");
  }
  Json wrong = Json::object();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto& item = raw[i];
    if (!field.choices.empty() &&
        (!item.is_string() ||
         std::ranges::find(field.choices, item.get<std::string>()) == field.choices.end())) {
      const auto text = item.is_string() ? item.get<std::string>() : item.dump();
      return refuse(error, "\"" + text + "\" is not a valid choice.");
    }
    if (!item.is_string()) wrong[std::to_string(i)] = error_list("Not a valid string.");
  }
  if (wrong.empty()) return raw;
  error = std::move(wrong);
  return std::nullopt;
}

}  // namespace

std::optional<Json> read_value(const Field& field, const Json& raw, Json& error) {
  if (raw.is_null()) {
    if (field.is_nullable) return Json();
    return refuse(error, "This field may not be null.");
  }
  switch (field.type) {
    case Field::Type::kText:
    case Field::Type::kUrl:
    case Field::Type::kPath:
    case Field::Type::kPem:
      return read_text(field, raw, error);
    case Field::Type::kChoice:
      return read_choice(field, raw, error);
    case Field::Type::kInteger:
      return read_integer(field, raw, error);
    case Field::Type::kNumber:
      return read_number(field, raw, error);
    case Field::Type::kBoolean:
      return read_boolean(raw, error);
    case Field::Type::kLabels:
      return read_labels(raw, error);
    case Field::Type::kHeaders:
      return read_headers(raw, error);
    case Field::Type::kTime:
      return read_time(raw, error);
    case Field::Type::kTexts:
      return read_texts(field, raw, error);
    case Field::Type::kHref:
    case Field::Type::kHrefs:
    case Field::Type::kUris:
    case Field::Type::kComputed:
      break;
  }
  return Json();
}

std::string type_name(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return "dict";
    case Json::value_t::array:
      return "list";
    case Json::value_t::string:
      return "str";
    case Json::value_t::boolean:
      return "bool";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "int";
    case Json::value_t::number_float:
      return "float";
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "NoneType";
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_empty_text(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().empty();
}

bool is_set(const Json& value) { return !value.is_null() && !is_empty_text(value); }

Json error_list(std::string text) { return Json::array({std::move(text)}); }

std::string label_error(const std::string& key, const Json& value) {
  const auto allowed = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0 || c == '_' || c == ' ' || c == '.' || c == '-';
  };
  if (key.empty() || !std::ranges::all_of(key, allowed)) {
    return "Key '" + key +
           "' contains invalid characters. Only alphanumerics, underscores, spaces, hyphens, and "
           "dots are allowed.";
  }
  if (value.is_string() && value.get<std::string>().find_first_of("()") != std::string::npos) {
    return "Key '" + key + "' contains value with parenthesis.";
  }
  return {};
}

}  // namespace hubcache::rest
