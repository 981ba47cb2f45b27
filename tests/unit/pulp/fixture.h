#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hubcache/access/accounts.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/catalog/named_blobs.h"
#include "hubcache/db/database.h"
#include "hubcache/db/secrets.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/registry/load.h"
#include "hubcache/store/store.h"
#include "hubcache/tasks/queue.h"

#include "support/clock.h"
#include "support/run.h"

namespace hubcache::pulp {

using Json = nlohmann::ordered_json;
using Fields = std::vector<std::pair<std::string, std::string>>;

inline const std::string kRemotes = "/pulp/api/v3/remotes/hugging_face/hugging-face/";
inline const std::string kDistributions = "/pulp/api/v3/distributions/hugging_face/hugging-face/";
inline const std::string kTasks = "/pulp/api/v3/tasks/";
inline const std::string kRepositories = "/pulp/api/v3/repositories/hugging_face/hugging-face/";
inline const std::string kZero = "00000000-0000-0000-0000-000000000000";

struct Answer {
  int status = 0;
  http::Headers headers;
  std::string text;
  Json body;

  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or(""));
  }
};

/// The API over a database of its own, without sockets; an administrator `admin`, `password`.
class PulpTest : public ::testing::Test {
 protected:
  PulpTest() { start(); }
  ~PulpTest() override { stop(); }

  void start(std::optional<std::string> upstream = std::nullopt) {
    std::vector<db::Migration> steps;
    for (const auto part : {store::migrations(), registry::migrations(),
                            catalog::catalog_migrations(), catalog::named_blob_migrations(),
                            access::account_migrations(), tasks::migrations(), migrations()}) {
      steps.insert(steps.end(), part.begin(), part.end());
    }
    database =
        std::make_unique<db::Database>(db::Database::Options{.file = dir / "test.db"}, steps, log);
    bootstrap(*database, secrets, clock, upstream);
    clock.advance(std::chrono::seconds(1));  // what follows is newer
    auto first =
        database->read_now([this](db::Connection& sql) { return registry::load(sql, secrets); });
    registry = std::make_unique<registry::Registry>(runner.workers(), first);
    accounts = std::make_unique<access::Accounts>(
        runner.workers(), *database,
        access::Accounts::Options{.generated_file = dir / "admin-password"}, clock, log);
    accounts->ensure_admin("password");
    tasks = std::make_unique<tasks::Queue>(runner.workers(), *database, tasks::Queue::Options{},
                                           clock, log);
    make_api();
  }
  void stop() {
    runner.run(tasks->shut_down());
    api.reset();
    tasks.reset();
    accounts.reset();
    registry.reset();
    database.reset();
  }
  void make_api() {
    api = pulp::make_api({.database = *database,
                          .secrets = secrets,
                          .registry = *registry,
                          .accounts = *accounts,
                          .tasks = *tasks,
                          .clock = clock,
                          .log = log},
                         options);
  }

  Answer send(const std::string& method, const std::string& target, std::string body = {},
              const Fields& fields = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.body = std::move(body);
    request.peer.address = "127.0.0.1";
    request.headers.set("Host", "cache.example:8080");
    for (const auto& [name, value] : fields) request.headers.set(name, value);
    auto response = runner.run(api->handle(std::move(request)));
    Answer answer{.status = response.status, .headers = response.headers, .text = {}, .body = {}};
    if (const auto* text = std::get_if<std::string>(&response.body)) answer.text = *text;
    answer.body = Json::parse(answer.text, nullptr, false);
    return answer;
  }
  /// As the administrator, with a JSON body.
  Answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             Fields fields = {}) {
    fields.emplace_back("Authorization", kAdmin);
    if (!body.empty()) fields.emplace_back("Content-Type", "application/json");
    return send(method, target, body, fields);
  }
  Answer form(const std::string& method, const std::string& target, const std::string& body) {
    return send(method, target, body,
                {{"Authorization", kAdmin}, {"Content-Type", "application/x-www-form-urlencoded"}});
  }
  /// The href of a new remote; `more` are further members of its JSON.
  std::string make_remote(const std::string& name, const std::string& more = {}) {
    const auto made =
        ask("POST", kRemotes,
            R"({"name":")" + name + R"(","url":"https://huggingface.co")" + more + "}");
    EXPECT_EQ(made.status, 201) << made.text;
    return made.body.value("pulp_href", "");
  }
  std::string make_distribution(const std::string& name, const std::string& more = {}) {
    const auto made = ask("POST", kDistributions,
                          R"({"name":")" + name + R"(","base_path":")" + name + "\"" + more + "}");
    EXPECT_EQ(made.status, 202) << made.text;
    return made.body.value("pulp_href", "");
  }
  std::shared_ptr<const registry::Snapshot> snapshot() {
    return runner.call([this] { return registry->current(1); }, 1);
  }
  static std::string id_of(const std::string& href) {
    return href.substr(href.rfind('/', href.size() - 2) + 1, 36);
  }
  /// The endpoint that content uses for the remote at `href`.
  hub::EndpointPtr endpoint(const std::string& href) {
    return snapshot()->remote(id_of(href))->endpoint;
  }

  static constexpr const char* kAdmin = "Basic YWRtaW46cGFzc3dvcmQ=";

  test::TempDir dir;
  test::FakeClock clock;
  obs::Log log{obs::Options{.level = obs::Level::kOff}};
  db::SecretBox secrets{std::string(32, 'k')};
  Options options;
  test::Runner runner{2};
  std::unique_ptr<db::Database> database;
  std::unique_ptr<registry::Registry> registry;
  std::unique_ptr<access::Accounts> accounts;
  std::unique_ptr<tasks::Queue> tasks;
  std::unique_ptr<rest::Api> api;
};

}  // namespace hubcache::pulp
