#include "hubcache/http/headers.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <span>

#include "fields.h"

namespace hubcache::http {
namespace {

// What most messages need: fields are added one by one, and growth would copy them each time.
constexpr std::size_t kUsualFields = 16;
constexpr std::size_t kUsualBytes = 1000;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool points_into(std::string_view part, const std::string& whole) {
  const std::less_equal<> le;
  return le(whole.data(), part.data()) && le(part.data(), whole.data() + whole.size());
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  // Mostly they are spelled alike, which is quick to see.
  return a == b || std::equal(a.begin(), a.end(), b.begin(),
                              [](char x, char y) { return lower(x) == lower(y); });
}

Headers::Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  for (const auto& [name, value] : fields) add(name, value);
}

// Every request asks this dozens of times, and mostly the sizes differ.
bool Headers::is_called(const Field& field, std::string_view name) const {
  return field.name_size == name.size() &&
         same_name({text_.data() + field.name, field.name_size}, name);
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (is_called(field, name))
      return std::string_view(text_.data() + field.value, field.value_size);
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const auto [field, value] = (*this)[i];
    if (same_name(field, name)) values.push_back(value);
  }
  return values;
}

std::size_t Headers::count(std::string_view name) const {
  const auto found =
      std::ranges::count_if(fields_, [&](const Field& field) { return is_called(field, name); });
  return static_cast<std::size_t>(found);
}

void Headers::add(std::string_view name, std::string_view value) {
  append(name, value);
  blank_breaks(std::span(text_).last(value.size()));
}

void Headers::append(std::string_view name, std::string_view value) {
  // Views of our own text would not survive its growth.
  if (points_into(name, text_) || points_into(value, text_)) {
    const std::string name_copy(name);
    const std::string value_copy(value);
    append(name_copy, value_copy);
    return;
  }
  if (fields_.empty()) {
    fields_.reserve(kUsualFields);
    text_.reserve(kUsualBytes);
  }
  const Field field{static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(text_.size() + name.size()),
                    static_cast<std::uint32_t>(value.size())};
  text_ += name;
  text_ += value;
  fields_.push_back(field);
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);  // the text stays: views of it are still good
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return is_called(field, name); });
}

void Headers::clear() noexcept {
  fields_.clear();
  text_.clear();
}

std::pair<std::string_view, std::string_view> Headers::operator[](std::size_t index) const {
  const Field& field = fields_[index];
  const std::string_view text(text_);
  return {text.substr(field.name, field.name_size), text.substr(field.value, field.value_size)};
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  const std::string whole(text);
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = ::strptime(whole.c_str(), form, &parts);
    if (end != nullptr && *end == '\0')
      return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
  }
  return std::nullopt;
}

}  // namespace hubcache::http
