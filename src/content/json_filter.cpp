#include "hubcache/content/json_filter.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/hub/bounded_json.h"

namespace hubcache::content {
namespace {

constexpr std::string_view kHash = "xetHash";

/// Writes the events of the parser out again, less the members that are left out.
class Filter : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// `most`: of objects whose "size" is not above it "xetHash" stays, as their last member.
  Filter(std::size_t expected, std::optional<std::uint64_t> most) : most_(most) {
    out_.reserve(expected);
  }

  std::string take() { return std::move(out_); }

  bool null() override { return scalar("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (after_size_ && !skipping()) levels_.back().size = value;
    return scalar(std::to_string(value));
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return scalar(text);
  }
  bool string(string_t& value) override {
    if (skip_next_ && most_) levels_.back().hash = nlohmann::json(value).dump();
    return skipping() ? scalar({}) : scalar(nlohmann::json(value).dump());
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open('{'); }
  bool end_object() override {
    if (skip_depth_ == 0) add_hash();
    return close('}');
  }
  bool start_array(std::size_t /*size*/) override { return open('['); }
  bool end_array() override { return close(']'); }

  bool key(string_t& name) override {
    if (skipping()) return true;
    skip_next_ = name == kHash || (name == "xetEnabled" && !most_);
    if (skip_next_) return true;
    write_key(name);
    after_size_ = name == "size";
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*failure*/) override {
    return false;
  }

 private:
  /// Within an open bracket.
  struct Level {
    bool first = true;  // nothing was written in it yet
    std::uint64_t size = 0;
    std::string hash{};  // "xetHash" as it is written
  };

  bool skipping() const { return skip_next_ || skip_depth_ > 0; }

  void separate() {
    after_size_ = false;
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (!levels_.empty()) {
      if (!levels_.back().first) out_ += ',';
      levels_.back().first = false;
    }
  }

  void write_key(std::string_view name) {
    separate();
    out_ += nlohmann::json(name).dump();
    out_ += ':';
    after_key_ = true;
  }

  void add_hash() {
    const auto hash = std::exchange(levels_.back().hash, {});
    if (hash.empty() || levels_.back().size > *most_) return;
    write_key(kHash);
    scalar(hash);
  }

  bool scalar(std::string_view text) {
    if (skip_depth_ > 0) return true;
    if (skip_next_) {
      skip_next_ = false;
      return true;
    }
    separate();
    out_ += text;
    return true;
  }

  bool open(char bracket) {
    if (levels_.size() + skip_depth_ >= std::size_t{hub::kDeepestJson}) return false;
    if (skipping()) {
      skip_next_ = false;
      ++skip_depth_;
      return true;
    }
    separate();
    out_ += bracket;
    levels_.emplace_back();
    return true;
  }

  bool close(char bracket) {
    if (skip_depth_ > 0) {
      --skip_depth_;
      return true;
    }
    out_ += bracket;
    levels_.pop_back();
    return true;
  }

  std::optional<std::uint64_t> most_;
  std::string out_;
  std::vector<Level> levels_;
  bool after_key_ = false;
  bool after_size_ = false;
  bool skip_next_ = false;  // the value of a member that is left out comes next
  std::size_t skip_depth_ = 0;
};

std::string filtered(std::string_view json, std::optional<std::uint64_t> most) {
  Filter filter(json.size(), most);
  if (!nlohmann::json::sax_parse(json, &filter)) {
    throw Error(Error::Kind::kUpstream,
                "the Hub sent an answer that is not JSON, or nested too deep");
  }
  return filter.take();
}

}  // namespace

std::string without_xet(std::string_view json) { return filtered(json, std::nullopt); }

std::string without_xet_above(std::uint64_t most, std::string_view json) {
  return filtered(json, most);
}

std::uint64_t largest_size_if_xet(std::string_view json) {
  constexpr std::string_view kSize = "\"size\":";
  if (json.find(kHash) == std::string_view::npos) return 0;
  std::uint64_t largest = 0;
  for (auto at = json.find(kSize); at != std::string_view::npos; at = json.find(kSize, at)) {
    at += kSize.size();
    const auto text = json.substr(std::min(json.find_first_not_of(' ', at), json.size()));
    std::uint64_t size = 0;
    std::from_chars(text.data(), text.data() + text.size(), size);
    largest = std::max(largest, size);
  }
  return largest;
}

}  // namespace hubcache::content
