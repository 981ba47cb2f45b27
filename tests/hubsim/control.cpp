#include "hubsim/control.h"

#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace hubsim {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Value named(std::string_view name, const auto& names) {
  for (const auto& [known, value] : names) {
    if (known == name) return value;
  }
  throw std::invalid_argument("unknown: " + std::string(name));
}

using Kind = Fault::Kind;
constexpr std::array<std::pair<std::string_view, Kind>, 14> kKinds = {
    {{"delay", Kind::kDelay},
     {"status", Kind::kStatus},
     {"limit", Kind::kLimit},
     {"stall", Kind::kStall},
     {"cut", Kind::kCut},
     {"reset", Kind::kReset},
     {"length", Kind::kLength},
     {"flip", Kind::kFlip},
     {"ignore_range", Kind::kIgnoreRange},
     {"hold", Kind::kHold},
     {"pace", Kind::kPace},
     {"etag", Kind::kEtag},
     {"expire", Kind::kExpire},
     {"header", Kind::kHeader}}};
constexpr std::array<std::pair<std::string_view, RepoType>, 4> kTypes = {
    {{"model", RepoType::kModel},
     {"dataset", RepoType::kDataset},
     {"space", RepoType::kSpace},
     {"kernel", RepoType::kKernel}}};

Host host_of(const Json& json) {
  constexpr std::array<std::pair<std::string_view, Host>, 2> kHosts = {
      {{"hub", Host::kHub}, {"cdn", Host::kCdn}}};
  return named<Host>(json.value("host", "hub"), kHosts);
}

Fault fault_of(const Json& json) {
  Fault fault{.kind = named<Kind>(json.at("kind").get<std::string>(), kKinds)};
  fault.host = host_of(json);
  fault.match = json.value("match", "");
  fault.method = json.value("method", "");
  fault.offset = json.value("offset", json.value("after", std::uint64_t{0}));
  fault.status = json.value("status", fault.status);
  fault.delay = std::chrono::milliseconds(json.value("delay_ms", std::int64_t{0}));
  fault.bytes_per_second = json.value("bytes_per_second", fault.bytes_per_second);
  fault.together = json.value("together", fault.together);
  fault.length = json.value("length", fault.length);
  fault.reset = json.value("reset", fault.reset);
  fault.headers = json.value("headers", fault.headers);
  fault.body = json.value("body", "");
  fault.skip = json.value("skip", fault.skip);
  if (json.contains("count")) fault.count = json["count"].get<std::uint64_t>();
  return fault;
}

Visibility visibility_of(const Json& json, Visibility visibility) {
  visibility.is_private = json.value("private", visibility.is_private);
  visibility.disabled = json.value("disabled", visibility.disabled);
  const auto gated = json.find("gated");
  if (gated == json.end()) return visibility;
  const bool open = gated->is_boolean() && !gated->get<bool>();
  visibility.gate = open ? Gate::kOpen : *gated == "auto" ? Gate::kAuto : Gate::kManual;
  return visibility;
}

std::string name_of(const Json& json) {
  const auto name = json.contains("repo") ? json["repo"] : json.at("id");
  const auto type = json.value("type", "model");
  named<RepoType>(type, kTypes);
  return (type == "model" ? "" : type + "s/") + name.get<std::string>();
}

Change change_of(const Json& json) {
  Change change;
  change.path = json.at("path");
  if (json.value("lfs", false)) change.storage = Storage::kLfs;
  change.claimed_sha256 = json.value("claim_sha256", "");
  if (json.contains("content")) {
    change.content = Content(json["content"].get<std::string>());
  } else if (json.contains("content_base64")) {
    change.content = Content(base64_decode(json["content_base64"].get<std::string>()));
  } else if (json.value("sparse", false)) {
    const std::uint64_t size = json.at("size");
    change.content =
        json.value("numbered", false) ? Content::numbered(size) : Content::sparse(size);
  } else if (!json.value("delete", false)) {
    change.content = Content::generated(json.at("size"), json.value("seed", std::uint64_t{0}));
  }
  return change;
}

Json change_repo(Hub& hub, const Json& json) {
  const auto name = name_of(json);
  bool exists = true;
  try {
    hub.sha(name);
  } catch (const std::invalid_argument&) {
    exists = false;
  }
  const auto id = json.contains("repo") ? json["repo"] : json.at("id");
  if (!exists) {
    hub.add_repo({named<RepoType>(json.value("type", "model"), kTypes), id.get<std::string>(),
                  visibility_of(json, {})});
  }
  const auto branch = json.value("branch", "main");
  std::vector<Change> changes;
  for (const auto& file : json.value("files", Json::array())) changes.push_back(change_of(file));
  if (!changes.empty()) {
    hub.commit(name, branch, std::move(changes), json.value("message", "Update files"));
  }
  const auto refs = json.value("refs", Json::object());
  for (const auto& [ref, revision] : refs.items()) {
    hub.set_ref(name, ref, revision.get<std::string>());
  }
  return {{"repo", name}, {"sha", hub.sha(name, branch)}};
}

Json log_json(const Hub& hub) {
  auto list = Json::array();
  for (const auto& exchange : hub.log()) {
    Json headers = Json::object();
    for (const auto& [name, value] : exchange.headers) {
      auto key = name;
      for (char& c : key) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      headers[key] = headers.contains(key) ? headers[key].get<std::string>() + ", " + value : value;
    }
    list.push_back({{"host", exchange.host == Host::kHub ? "hub" : "cdn"},
                    {"method", exchange.method},
                    {"target", exchange.target},
                    {"headers", headers},
                    {"body", exchange.body},
                    {"status", exchange.status},
                    {"body_bytes", exchange.body_bytes}});
  }
  return list;
}

Json set_behaviour(Hub& hub, const Json& json) {
  auto now = hub.behaviour();
  now.auth_check = json.value("auth_check", now.auth_check);
  now.direct_files = json.value("direct_files", now.direct_files);
  now.redirect_names = json.value("redirect_names", now.redirect_names);
  now.gzip = json.value("gzip", now.gzip);
  now.xet = json.value("xet", now.xet);
  now.tree_page = json.value("tree_page", now.tree_page);
  now.expanded_tree_page = json.value("expanded_tree_page", now.expanded_tree_page);
  now.list_page = json.value("list_page", now.list_page);
  now.commits_page = json.value("commits_page", now.commits_page);
  now.cdn_front = json.value("cdn_front", now.cdn_front);
  now.url_lifetime = std::chrono::seconds(json.value("url_lifetime_s", now.url_lifetime.count()));
  hub.set_behaviour(now);
  return Json::object();
}

Json set_token(Hub& hub, const Json& json) {
  const auto token = json.at("token").get<std::string>();
  if (json.value("revoked", false)) {
    hub.revoke_token(token);
  } else {
    const auto repos = json.value("repos", std::vector<std::string>());
    const auto pending = json.value("pending", std::vector<std::string>());
    hub.add_token(token, {json.value("user", token),
                          {repos.begin(), repos.end()},
                          {pending.begin(), pending.end()}});
  }
  return Json::object();
}

Json act(Hub& hub, const std::string& path, const Json& json) {
  if (path == "fault") {
    hub.set_fault(fault_of(json));
  } else if (path == "faults/clear") {
    hub.clear_faults();
  } else if (path == "release") {
    hub.release();
  } else if (path == "log/clear") {
    hub.clear_log();
  } else if (path == "repo") {
    return change_repo(hub, json);
  } else if (path == "visibility") {
    hub.set_visibility(name_of(json), visibility_of(json, {}));
  } else if (path == "rename") {
    hub.rename(name_of(json), json.at("to").get<std::string>());
  } else if (path == "remove") {
    hub.remove_repo(name_of(json));
  } else if (path == "token") {
    return set_token(hub, json);
  } else if (path == "behaviour") {
    return set_behaviour(hub, json);
  } else {
    throw std::invalid_argument("no such control: " + path);
  }
  return Json::object();
}

}  // namespace

Response answer_control(Hub& hub, const Request& request) {
  constexpr std::string_view kPrefix = "/_sim/";
  Response response;
  response.set("Content-Type", "application/json");
  const auto path = request.path.substr(kPrefix.size());
  try {
    if (path == "log" && request.method == "GET") {
      response.text = log_json(hub).dump(-1, ' ', false, Json::error_handler_t::replace);
    } else if (request.method == "POST") {
      const auto body = request.body.empty() ? Json::object() : Json::parse(request.body);
      response.text = act(hub, path, body).dump();
    } else {
      response.status = 404;
    }
  } catch (const std::exception& failure) {
    response.status = 400;
    response.text = Json{{"error", failure.what()}}.dump();
  }
  return response;
}

}  // namespace hubsim
