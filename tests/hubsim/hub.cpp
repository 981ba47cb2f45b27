#include "hubsim/hub.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "hubcache/base/digest.h"

#include "hubsim/control.h"
#include "hubsim/delivery.h"
#include "hubsim/faults.h"
#include "hubsim/git_server.h"
#include "hubsim/listener.h"
#include "hubsim/log.h"
#include "hubsim/site.h"
#include "hubsim/world.h"

namespace hubsim {
namespace {

Response preflight() {
  Response response;
  response.set("Access-Control-Allow-Methods", "GET,HEAD,POST,OPTIONS");
  response.set("Access-Control-Allow-Headers", "authorization,content-type,range");
  return response;
}

/// Does the Hub count it as a call of its API, and not of a file?
bool counts_as_api(const Request& request) {
  return request.path.starts_with("/api/") && !request.path.starts_with("/api/resolve-cache/");
}

void add_limit(Response& response, bool api, long left, long seconds) {
  const auto numbers = ";r=" + std::to_string(left) + ";t=" + std::to_string(seconds);
  response.set("ratelimit", (api ? R"("api")" : R"("resolvers")") + numbers);
  response.set("ratelimit-policy", api ? R"("fixed window";"api";q=500;w=300)"
                                       : R"("fixed window";"resolvers";q=3000;w=300)");
}

constexpr int kTooMany = 429;

Response fault_response(const Fault& fault, int status, bool api, long seconds = 55) {
  Response response;
  response.status = status;
  response.set("Content-Type", "text/html; charset=utf-8");
  if (status == kTooMany) add_limit(response, api, 0, seconds);
  response.text = fault.body.empty()
                      ? "<html><body><h1>" + std::to_string(status) + "</h1></body></html>"
                      : fault.body;
  for (const auto& [name, value] : fault.headers) {
    value.empty() ? response.remove(name) : response.set(name, value);
  }
  return response;
}

// Another digest of the same kind: its first digit changed.
void falsify_etag(Response& response) {
  for (auto& [name, value] : response.headers) {
    const auto key = lower_case(name);
    if (key != "etag" && key != "x-linked-etag") continue;
    const auto digit = value.find('"') + 1;
    if (digit < value.size()) value[digit] = value[digit] == '0' ? '1' : '0';
  }
}

void alter(const Faults::Active& active, Response& response) {
  for (const auto& live : active) {
    if (live->fault.kind == Fault::Kind::kEtag) falsify_etag(response);
    if (live->fault.kind != Fault::Kind::kHeader) continue;
    for (const auto& [name, value] : live->fault.headers) {
      value.empty() ? response.remove(name) : response.set(name, value);
    }
  }
}

}  // namespace

void add_usual_headers(const Request& request, Response& response) {
  response.set("X-Powered-By", "huggingface-moon");
  response.set("X-Request-Id", "Root=1-" + hubcache::to_hex(hubcache::random_bytes(4)) + "-" +
                                   hubcache::to_hex(hubcache::random_bytes(12)));
  const bool api = counts_as_api(request);
  add_limit(response, api, api ? 497 : 2997, 258);
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Referrer-Policy", "strict-origin-when-cross-origin");
  response.set("Access-Control-Max-Age", "86400");
  response.set("Access-Control-Allow-Origin", "https://huggingface.co");
  if (find_header(response.headers, "vary").empty()) response.set("Vary", "Origin");
  response.set("Access-Control-Expose-Headers",
               "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,"
               "Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash");
}

struct Hub::State {
  State(Hub& hub, Options options);

  void serve(Host host, const Listener& listener, Connection& connection);
  bool exchange(Host host, Connection& connection, Request request,
                const std::function<bool()>& given_up);
  Response answer(Host host, const Request& request, const Faults::Active& active);

  Hub& hub;
  const bool control;
  const std::string key = hubcache::random_bytes(32);
  mutable std::shared_mutex mutex;  // tests change the world while connection threads read it
  World world;                      // guarded by `mutex`
  Behaviour behaviour;              // guarded by `mutex`
  GitRepos git;
  Faults faults;
  Log log;
  std::string url;
  std::string cdn_url;
  Listener hub_listener;
  Listener cdn_listener;
};

Hub::State::State(Hub& of, Options options)
    : hub(of),
      control(options.control),
      behaviour(options.behaviour),
      hub_listener(options.port,
                   [this](Connection& peer) { serve(Host::kHub, hub_listener, peer); }),
      cdn_listener(options.cdn_port,
                   [this](Connection& peer) { serve(Host::kCdn, cdn_listener, peer); }) {
  url = "http://127.0.0.1:" + std::to_string(hub_listener.port());
  cdn_url = "http://127.0.0.1:" + std::to_string(cdn_listener.port());
}

void Hub::State::serve(Host host, const Listener& listener, Connection& connection) {
  const auto given_up = [&] { return listener.stopping() || connection.peer_left(); };
  try {
    while (auto request = connection.read_request()) {
      if (!exchange(host, connection, std::move(*request), given_up)) return;
    }
  } catch (const std::exception& failure) {
    connection.send("HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\n" +
                    std::string(failure.what()));
  }
}

bool Hub::State::exchange(Host host, Connection& connection, Request request,
                          const std::function<bool()>& given_up) {
  if (control && host == Host::kHub && request.path.starts_with("/_sim/")) {
    Log::Live unlogged;
    return Delivery(connection, faults, {}, unlogged, given_up)
        .send(request, answer_control(hub, request));
  }
  const auto live = log.begin(host, request);
  const auto active = faults.matching(host, request);
  if (find_fault(active, Fault::Kind::kReset) != nullptr) {
    connection.reset_on_close();
    return false;
  }
  if (const auto* delay = find_fault(active, Fault::Kind::kDelay)) {
    if (!faults.sleep(delay->fault.delay, given_up, delay)) return false;
  }
  if (find_fault(active, Fault::Kind::kIgnoreRange) != nullptr) {
    std::erase_if(request.headers,
                  [](const auto& header) { return lower_case(header.first) == "range"; });
  }
  auto response = answer(host, request, active);
  alter(active, response);
  return Delivery(connection, faults, active, *live, given_up).send(request, response);
}

Response Hub::State::answer(Host host, const Request& request, const Faults::Active& active) {
  const bool counted = counts_as_api(request);
  if (const auto* fault = find_fault(active, Fault::Kind::kStatus)) {
    return fault_response(fault->fault, fault->fault.status, counted);
  }
  if (const auto* limit = find_fault(active, Fault::Kind::kLimit)) {
    const auto left = std::chrono::floor<std::chrono::seconds>(faults.left(*limit));
    return fault_response(limit->fault, kTooMany, counted, left.count());
  }
  const bool api = request.path.starts_with("/api/");
  const bool expire = find_fault(active, Fault::Kind::kExpire) != nullptr;
  const std::shared_lock lock(mutex);
  const std::string front = "http://127.0.0.1:" + std::to_string(behaviour.cdn_front);
  const Site site{world, behaviour, url, behaviour.cdn_front == 0 ? cdn_url : front, key, expire};
  if (host == Host::kCdn) {
    if (auto xorb = answer_xorb(site, request)) return *xorb;
    return answer_cdn(site, request, expire);
  }
  if (request.path.starts_with("/_cas/")) return answer_cas(site, request);
  Response response;
  if (request.method == "OPTIONS") {
    response = preflight();
  } else if (auto by_git = answer_git(site, request, git)) {
    response = *std::move(by_git);
  } else if (auto by_registry = answer_registry(site, request)) {
    response = *std::move(by_registry);
  } else if (request.method != "GET" && request.method != "HEAD" &&
             !(api && request.method == "POST")) {
    response = page_not_found();
  } else {
    response = api ? answer_api(site, request) : answer_files(site, request);
  }
  add_usual_headers(request, response);
  return response;
}

Hub::Hub() : Hub(Options{}) {}

Hub::Hub(Options options) : state_(std::make_unique<State>(*this, std::move(options))) { start(); }

Hub::~Hub() { stop(); }

const std::string& Hub::url() const { return state_->url; }
const std::string& Hub::cdn_url() const { return state_->cdn_url; }
std::uint16_t Hub::port() const { return state_->hub_listener.port(); }
std::uint16_t Hub::cdn_port() const { return state_->cdn_listener.port(); }

void Hub::start() {
  state_->hub_listener.start();
  state_->cdn_listener.start();
}

void Hub::stop() {
  state_->hub_listener.stop();
  state_->cdn_listener.stop();
}

void Hub::set_behaviour(Behaviour behaviour) {
  const std::unique_lock lock(state_->mutex);
  state_->behaviour = behaviour;
}

Behaviour Hub::behaviour() const {
  const std::shared_lock lock(state_->mutex);
  return state_->behaviour;
}

void Hub::add_repo(RepoSpec spec) {
  const std::unique_lock lock(state_->mutex);
  state_->world.add(std::move(spec));
}

void Hub::remove_repo(std::string_view repo) {
  const std::unique_lock lock(state_->mutex);
  state_->world.remove(repo);
}

void Hub::set_visibility(std::string_view repo, Visibility visibility) {
  const std::unique_lock lock(state_->mutex);
  state_->world.repo(repo).visibility = visibility;
}

void Hub::rename(std::string_view repo, std::string_view new_id) {
  const std::unique_lock lock(state_->mutex);
  state_->world.rename(repo, new_id);
}

std::string Hub::add_file(std::string_view repo, std::string_view path, Content content,
                          Storage storage) {
  std::vector<Change> changes;
  changes.push_back({std::string(path), std::move(content), storage, {}});
  return commit(repo, "main", std::move(changes), "Upload " + std::string(path));
}

std::string Hub::commit(std::string_view repo, std::string_view branch, std::vector<Change> changes,
                        std::string_view message) {
  // Making and hashing a GiB takes seconds: at the same time, and before anyone is kept waiting.
  std::vector<std::future<std::optional<Entry>>> made;
  made.reserve(changes.size());
  for (const auto& change : changes) {
    const auto* text = change.content ? std::get_if<std::string>(&change.content->what()) : nullptr;
    const auto how = change.content && text == nullptr ? std::launch::async : std::launch::deferred;
    made.push_back(std::async(how, [&change]() -> std::optional<Entry> {
      if (!change.content) return std::nullopt;
      return make_entry(*change.content, change.storage, change.claimed_sha256);
    }));
  }
  std::vector<std::pair<std::string, std::optional<Entry>>> entries;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    entries.emplace_back(changes[i].path, made[i].get());
  }
  const std::unique_lock lock(state_->mutex);
  return state_->world.commit(repo, branch, entries, message);
}

void Hub::set_ref(std::string_view repo, std::string_view ref, std::string_view revision) {
  const std::unique_lock lock(state_->mutex);
  state_->world.set_ref(repo, ref, revision);
}

void Hub::remove_ref(std::string_view repo, std::string_view ref) {
  const std::unique_lock lock(state_->mutex);
  auto& refs = state_->world.repo(repo).refs;
  refs.erase(ref.starts_with("refs/") ? std::string(ref) : "refs/heads/" + std::string(ref));
}

std::string Hub::sha(std::string_view repo, std::string_view revision) const {
  const std::shared_lock lock(state_->mutex);
  return state_->world.commit_at(repo, revision).id;
}

std::string Hub::etag(std::string_view repo, std::string_view path,
                      std::string_view revision) const {
  const std::shared_lock lock(state_->mutex);
  return state_->world.entry(repo, path, revision).etag();
}

std::string Hub::xet_hash(std::string_view repo, std::string_view path,
                          std::string_view revision) const {
  const std::shared_lock lock(state_->mutex);
  return state_->world.entry(repo, path, revision).xet_hash;
}

std::uint64_t Hub::size(std::string_view repo, std::string_view path,
                        std::string_view revision) const {
  const std::shared_lock lock(state_->mutex);
  return state_->world.entry(repo, path, revision).blob->size();
}

std::string Hub::bytes(std::string_view repo, std::string_view path, std::uint64_t offset,
                       std::uint64_t length, std::string_view revision) const {
  std::shared_ptr<const Blob> blob;
  {
    const std::shared_lock lock(state_->mutex);
    blob = state_->world.entry(repo, path, revision).blob;
  }
  return blob->bytes(offset, length);
}

void Hub::add_token(std::string_view token, Token about) {
  const std::unique_lock lock(state_->mutex);
  state_->world.set_token(std::string(token), std::move(about));
}

void Hub::revoke_token(std::string_view token) {
  const std::unique_lock lock(state_->mutex);
  state_->world.set_token(std::string(token), std::nullopt);
}

void Hub::set_fault(Fault fault) { state_->faults.add(std::move(fault)); }
void Hub::clear_faults() { state_->faults.clear(); }
void Hub::release() { state_->faults.release(); }

std::vector<Exchange> Hub::log() const { return state_->log.all(); }
void Hub::clear_log() { state_->log.clear(); }

std::size_t Hub::count(Host host, std::string_view method, std::string_view part) const {
  const auto exchanges = log();
  return static_cast<std::size_t>(
      std::count_if(exchanges.begin(), exchanges.end(), [&](const Exchange& exchange) {
        return exchange.host == host && (method.empty() || exchange.method == method) &&
               exchange.target.find(part) != std::string::npos;
      }));
}

std::uint64_t Hub::body_bytes(Host host, std::string_view part) const {
  std::uint64_t sum = 0;
  for (const auto& exchange : log()) {
    if (exchange.host == host && exchange.target.find(part) != std::string::npos) {
      sum += exchange.body_bytes;
    }
  }
  return sum;
}

std::size_t Hub::cdn_authorizations() const {
  const auto exchanges = log();
  return static_cast<std::size_t>(
      std::count_if(exchanges.begin(), exchanges.end(), [](const Exchange& exchange) {
        return exchange.host == Host::kCdn && !exchange.header("authorization").empty();
      }));
}

}  // namespace hubsim
