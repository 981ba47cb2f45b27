#include "hubcache/content/learned.h"

#include <nlohmann/json.hpp>

#include "hubcache/hub/bounded_json.h"

namespace hubcache::content {
namespace {

using Told = std::vector<std::pair<std::string, std::string>>;

/// Reads "sha" at the top level of an info document, and no further: they may be large.
struct TopLevelSha : nlohmann::json_sax<nlohmann::json> {
  std::size_t depth = 0;
  bool here = false;
  std::string found;

  bool null() override { return next(); }
  bool boolean(bool /*value*/) override { return next(); }
  bool number_integer(number_integer_t /*value*/) override { return next(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return next(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return next(); }
  bool binary(binary_t& /*value*/) override { return next(); }
  bool string(string_t& value) override {
    if (here) found = value;
    return next() && found.empty();
  }
  bool start_object(std::size_t /*size*/) override { return ++depth != 0 && next(); }
  bool end_object() override { return depth-- != 0; }
  bool start_array(std::size_t /*size*/) override { return ++depth != 0 && next(); }
  bool end_array() override { return depth-- != 0; }
  bool key(string_t& name) override {
    here = depth == 1 && name == "sha";
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*failure*/) override {
    return false;
  }
  bool next() {
    here = false;
    return true;
  }
};

std::string text_in(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A branch or tag is asked for by its name, the others by their full ref.
Told told_by_refs(std::string_view body) {
  Told told;
  const auto document = hub::bounded_json(body);
  if (!document.is_object()) return told;
  for (const auto& [list, field] :
       {std::pair("tags", "name"), std::pair("branches", "name"), std::pair("converts", "ref"),
        std::pair("pullRequests", "ref")}) {
    const auto refs = document.find(list);
    if (refs == document.end() || !refs->is_array()) continue;
    for (const auto& ref : *refs) {
      if (ref.is_object()) told.emplace_back(text_in(ref, field), text_in(ref, "targetCommit"));
    }
  }
  return told;
}

}  // namespace

Told commits_told(const hub::Route& asked, std::string_view body) {
  if (asked.kind == hub::Route::Kind::kRefs) return told_by_refs(body);
  const auto& revision = asked.file.revision;
  if (asked.kind == hub::Route::Kind::kInfo) {
    TopLevelSha sha;
    nlohmann::json::sax_parse(body, &sha);
    return {{revision.empty() ? "main" : revision, sha.found}};
  }
  if (hub::is_commit_id(revision)) return {{revision, revision}};
  return {};
}

}  // namespace hubcache::content
