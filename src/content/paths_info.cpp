#include "hubcache/content/paths_info.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/http/url.h"
#include "hubcache/hub/bounded_json.h"

#include "flag.h"

namespace hubcache::content {
namespace {

struct Asked {
  std::vector<std::string> paths;
  bool expand = false;
};

[[noreturn]] void refuse() {
  throw Error(
      Error::Kind::kBadRequest,
      "paths-info takes a form or a JSON object with `paths`, a list of paths, and `expand`, "
      "true or false");
}

Asked asked_by_json(const std::string& body) {
  const auto document = hub::bounded_json(body);
  if (!document.is_object()) refuse();
  Asked asked;
  const auto add = [&asked](const nlohmann::json& path) {
    if (!path.is_string()) refuse();
    asked.paths.push_back(path.get<std::string>());
  };
  const auto paths = document.find("paths");
  if (paths == document.end()) refuse();
  if (paths->is_array()) {
    for (const auto& path : *paths) add(path);
  } else {
    add(*paths);
  }
  const auto expand = document.find("expand");
  if (expand != document.end() && !expand->is_boolean()) refuse();
  asked.expand = expand != document.end() && expand->get<bool>();
  return asked;
}

Asked asked_by_form(const std::string& body) {
  Asked asked;
  for (auto& [name, value] : http::parse_pairs(body)) {
    if (name == "paths" || name == "paths[]") {
      asked.paths.push_back(std::move(value));
    } else if (name == "expand") {
      asked.expand = is_on(value);
    }
  }
  return asked;
}

}  // namespace

std::string paths_info_form(const http::Request& request) {
  const auto type = request.headers.get("Content-Type").value_or("");
  const bool json = type.find("json") != std::string_view::npos;
  const auto asked = json ? asked_by_json(request.body) : asked_by_form(request.body);
  if (asked.paths.empty()) refuse();
  std::string form;
  for (const auto& path : asked.paths) form += "paths=" + http::percent_encode(path) + '&';
  return form += asked.expand ? "expand=true" : "expand=false";
}

}  // namespace hubcache::content
