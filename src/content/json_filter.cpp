#include "hubcache/content/json_filter.h"

#include <cstddef>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::content {
namespace {

/// Writes the events of the parser out again, less the members that are left out.
class Filter : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Filter(std::size_t expected) { out_.reserve(expected); }

  std::string take() { return std::move(out_); }

  bool null() override { return scalar("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return scalar(text);
  }
  bool string(string_t& value) override {
    return skipping() ? scalar({}) : scalar(nlohmann::json(value).dump());
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open('{'); }
  bool end_object() override { return close('}'); }
  bool start_array(std::size_t /*size*/) override { return open('['); }
  bool end_array() override { return close(']'); }

  bool key(string_t& name) override {
    if (skipping()) return true;
    skip_next_ = name == "xetHash" || name == "xetEnabled";
    if (skip_next_) return true;
    separate();
    out_ += nlohmann::json(name).dump();
    out_ += ':';
    after_key_ = true;
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*failure*/) override {
    return false;
  }

 private:
  bool skipping() const { return skip_next_ || skip_depth_ > 0; }

  void separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (!first_.empty()) {
      if (!first_.back()) out_ += ',';
      first_.back() = false;
    }
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
    if (skipping()) {
      skip_next_ = false;
      ++skip_depth_;
      return true;
    }
    separate();
    out_ += bracket;
    first_.push_back(true);
    return true;
  }

  bool close(char bracket) {
    if (skip_depth_ > 0) {
      --skip_depth_;
      return true;
    }
    out_ += bracket;
    first_.pop_back();
    return true;
  }

  std::string out_;
  std::vector<bool> first_;  // per open bracket: nothing written in it yet
  bool after_key_ = false;
  bool skip_next_ = false;  // the value of a member that is left out comes next
  std::size_t skip_depth_ = 0;
};

}  // namespace

std::string without_xet(std::string_view json) {
  Filter filter(json.size());
  if (!nlohmann::json::sax_parse(json, &filter)) {
    throw Error(Error::Kind::kUpstream, "the Hub sent an answer that is not JSON");
  }
  return filter.take();
}

}  // namespace hubcache::content
