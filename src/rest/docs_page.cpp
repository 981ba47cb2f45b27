#include "docs_page.h"

#include <cctype>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hubcache/base/text.h"

namespace hubcache::rest {
namespace {

constexpr std::string_view kStyle =
    "body{font-family:sans-serif;margin:2em}td{padding:.2em 1em .2em 0;vertical-align:top}"
    "td:first-child{font-weight:bold}code{font-size:1.1em}";

/// Nothing but this style, by its hash, and nobody may frame the page (SECURITY 21).
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'sha256-9oMnLrCj7Mf7u+A3hIj7vpcCojb6msYoCkkc9EJdlEQ='; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void add_operation(std::string& page, const std::string& path, std::string method,
                   const Json& operation) {
  for (auto& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string query;
  for (const auto& parameter : operation.at("parameters")) {
    if (parameter.at("in") != "query") continue;
    (query += query.empty() ? "" : ", ") += parameter.at("name").get<std::string>();
  }
  page += "<tr><td>" + in_html(method) + "</td><td><code>" + in_html(path) + "</code></td><td>" +
          in_html(operation.at("operationId").get<std::string>());
  if (!query.empty()) page += "<details><summary>query</summary>" + in_html(query) + "</details>";
  page += "</td></tr>\n";
}

}  // namespace

Reply docs_page(const Json& document) {
  const auto& info = document.at("info");
  const auto title = in_html(info.at("title").get<std::string>());
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" +
                     title + "</title><style>";
  page.append(kStyle).append("</style></head>\n<body>\n<h1>").append(title).append("</h1>\n<p>");
  page += in_html(info.at("description").get<std::string>()) +
          " For programs: <a href=\"api.json\">api.json</a>, or with real paths <a "
          "href=\"api.json?pk_path=1\">api.json?pk_path=1</a>.</p>\n<table>\n";
  for (const auto& [path, item] : document.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      add_operation(page, path, method, operation);
    }
  }
  page += "</table>\n</body>\n</html>\n";
  return {.status = 200,
          .body = std::move(page),
          .location = {},
          .content_type = "text/html; charset=utf-8",
          .policy = kPolicy};
}

}  // namespace hubcache::rest
