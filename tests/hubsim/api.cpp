// The routes under /api/ (contract/hub.md 1.3, 3.3).
#include "hubsim/api.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>

namespace hubsim {
namespace {

constexpr std::array<std::string_view, 7> kVerbs = {
    "revision", "tree", "paths-info", "refs", "commits", "auth-check", "xet-read-token"};

bool is_verb(const std::vector<std::string>& segments, std::size_t i) {
  return i < segments.size() &&
         std::find(kVerbs.begin(), kVerbs.end(), segments[i]) != kVerbs.end();
}

// `segments` are those behind /api/.
std::optional<Location> locate(const std::vector<std::string>& segments) {
  Location at;
  at.before = "/api/" + segments[0] + "/";
  at.type = parse_name(segments[0] + "/").first;
  const auto size = segments.size();
  if (size < 2) return std::nullopt;
  const bool one = is_verb(segments, 2) || size == 2;
  const std::size_t verb = one ? 2 : 3;
  if (verb < size && !is_verb(segments, verb)) return std::nullopt;
  at.id = percent_decode(segments[1]);
  if (!one) at.id += "/" + percent_decode(segments[2]);
  if (verb < size) {
    at.verb = segments[verb];
    at.rest.assign(segments.begin() + static_cast<std::ptrdiff_t>(verb) + 1, segments.end());
  }
  for (std::size_t i = verb; i < size; ++i) at.after += "/" + segments[i];
  return at;
}

Response whoami(const Site& site, const Request& request, const Caller& caller) {
  if (caller.kind != Caller::Kind::kUser) return repo_missing(caller, true);
  const auto& user = caller.token->user;
  return json_answer(site, request,
                     {{"type", "user"},
                      {"id", git_object_id("blob", user).substr(0, 24)},
                      {"name", user},
                      {"fullname", user},
                      {"email", user + "@example.org"},
                      {"emailVerified", true},
                      {"isPro", false},
                      {"orgs", Json::array()},
                      {"auth",
                       {{"type", "access_token"},
                        {"accessToken", {{"displayName", "hubsim"}, {"role", "read"}}}}}});
}

Response auth_check(const ApiCall& call) {
  if (!call.site.behaviour.auth_check) return page_not_found();
  if (auto refusal = refuse_files(call.caller, call.repo, true)) return *refusal;
  return {};
}

Response xet_read_token(ApiCall call) {
  if (!call.site.behaviour.xet) return page_not_found();
  if (auto refusal = refuse_files(call.caller, call.repo, true)) return *refusal;
  const auto revision = take_revision(call.rest);
  const auto commit = call.repo.find(revision);
  if (!commit) return revision_not_found(revision);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto expires =
      std::chrono::duration_cast<std::chrono::seconds>(now + std::chrono::hours{1}).count();
  const auto token = "xet_" + commit->id;
  const auto cas = call.site.url + "/_cas";
  auto response = json_answer(call.site, call.request,
                              {{"accessToken", token}, {"exp", expires}, {"casUrl", cas}});
  response.set("X-Xet-Access-Token", token);
  response.set("X-Xet-Token-Expiration", std::to_string(expires));
  response.set("X-Xet-Cas-Url", cas);
  return response;
}

Response answer_repo(const Site& site, const Request& request, const Location& at) {
  const auto caller = caller_of(site.world, request);
  if (at.verb == "auth-check" && !site.behaviour.auth_check) return page_not_found();
  const auto found = site.world.find(at.type, at.id);
  if (auto refusal = refuse_repo(caller, found.repo, true)) return *refusal;
  if (!found.canonical) return moved(at, *found.repo, request);

  ApiCall call{site, request, at, *found.repo, caller, at.rest};
  if (at.verb == "paths-info") {
    return request.method == "POST" ? paths_info(std::move(call)) : page_not_found();
  }
  if (request.method == "POST") return page_not_found();
  if (at.verb.empty()) return repo_info(call, "main");
  if (at.verb == "revision") return repo_info(call, take_revision(call.rest));
  if (at.verb == "tree") return tree(std::move(call));
  if (at.verb == "refs") return refs(call);
  if (at.verb == "commits") return commits(std::move(call));
  if (at.verb == "auth-check") return auth_check(call);
  return xet_read_token(std::move(call));
}

}  // namespace

std::string iso_time(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return {text.data(), size};
}

bool wants(const Request& request, std::string_view flag) {
  const auto value = request.parameter(flag).value_or("");
  return value == "true" || value == "True" || value == "1";
}

std::uint64_t number_parameter(const Request& request, std::string_view name,
                               std::uint64_t fallback) {
  const auto text = request.parameter(name).value_or("");
  std::uint64_t value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Response json_answer(const Site& site, const Request& request, const Json& document) {
  Response response;
  response.set("Content-Type", "application/json; charset=utf-8");
  response.text = document.dump();
  const auto etag = "W/\"" + git_object_id("blob", response.text).substr(0, 27) + "\"";
  response.set("ETag", etag);
  response.set("Vary", "Origin");
  if (request.header("if-none-match") == etag) {
    response.status = 304;
    response.text.clear();
  } else if (site.behaviour.gzip && request.method == "GET" && request.accepts_gzip()) {
    response.set("Content-Encoding", "gzip");
    response.set("Vary", "Origin, Accept-Encoding");
    response.text = gzip(response.text);
    response.chunked = true;
  }
  return response;
}

std::string next_link(const Site& site, const Request& request,
                      const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  const auto add = [&](std::string_view field) {
    query += query.empty() ? '?' : '&';
    query += field;
  };
  if (!request.query.empty()) {
    for (const auto& field : split(request.query, '&')) {
      const auto name = field.substr(0, field.find('='));
      const bool replaced = std::any_of(parameters.begin(), parameters.end(),
                                        [&](const auto& own) { return own.first == name; });
      if (!replaced) add(field);
    }
  }
  for (const auto& [name, value] : parameters) add(name + "=" + percent_encode(value));
  return "<" + site.url + request.path + query + ">; rel=\"next\"";
}

Response answer_api(const Site& site, const Request& request) {
  auto segments = split(std::string_view(request.path).substr(1), '/');
  segments.erase(segments.begin());
  if (segments.size() > 1 && segments.back().empty()) segments.pop_back();
  if (segments.empty()) return page_not_found();
  const auto& first = segments[0];
  const auto caller = caller_of(site.world, request);
  if (first == "resolve-cache" && segments.size() > 2) return answer_resolve_cache(site, request);
  if (first == "whoami-v2") return whoami(site, request, caller);
  if (first == "agent-harnesses") return json_answer(site, request, Json::object());
  if (first != "models" && first != "datasets" && first != "spaces" && first != "kernels") {
    return page_not_found();
  }
  if (segments.size() == 1) return repo_list(site, request, parse_name(first + "/").first);
  const auto at = locate(segments);
  return at ? answer_repo(site, request, *at) : page_not_found();
}

}  // namespace hubsim
