// Changes by REST, and by command, that nobody waits for any more.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "integration/fixture.h"
#include "support/sqlite_disk.h"

namespace hubcache::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class ChangesTest : public ServerTest {
 protected:
  ChangesTest() {
    stop();
    sqlite_ = std::make_unique<SqliteOnDisk>(under_database);
    config.server.limits.idle_timeout = 200ms;
    start();
  }
  ~ChangesTest() override {
    under_database.release();
    stop();
  }

  /// A client that asks for this change and leaves while it is written.
  void change_and_leave(const std::string& method_and_path, const std::string& fields) {
    under_database.hold(FaultyDisk::Call::kSync);
    Fd client = connect_to(port);
    const std::string request = method_and_path +
                                " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                "Authorization: Basic YWRtaW46cGFzc3dvcmQ=\r\n"
                                "Content-Type: application/json\r\nContent-Length: " +
                                std::to_string(fields.size()) + "\r\n\r\n" + fields;
    ::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL);
    while (under_database.waiting() == 0) std::this_thread::yield();
    client = Fd();
    // A worker that ends an idle connection has looked at all of its own.
    std::vector<Fd> idle;
    for (std::size_t i = 0; i <= config.server.workers; ++i) idle.push_back(connect_to(port));
    for (const auto& connection : idle) {
      char byte = 0;
      ASSERT_EQ(::recv(connection.get(), &byte, 1, 0), 0);
    }
    under_database.release();
  }

  FaultyDisk under_database;

 private:
  std::unique_ptr<SqliteOnDisk> sqlite_;
};

TEST_F(ChangesTest, WhatIsStoredIsInForceThoughWhoAskedForItLeft) {
  ASSERT_EQ(get(kPrivate).status, 401);
  const auto remote = Json::parse(rest("GET", kRemotes).body).at("results").at(0);
  const auto href = remote.at("pulp_href").get<std::string>();
  change_and_leave("PATCH " + href, R"({"hf_token":"hf_good"})");
  const auto late = std::chrono::steady_clock::now() + 20s;
  int status = 0;
  while (status != 200 && std::chrono::steady_clock::now() < late) status = get(kPrivate).status;
  EXPECT_EQ(status, 200);
  EXPECT_EQ(Json::parse(rest("GET", href).body).at("hf_token"), "hf_good");
}

TEST_F(ChangesTest, AnAccountThatIsRemovedHasNoLoginThoughWhoAskedForItLeft) {
  const Fields admin{{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}};
  const Fields login{{"Authorization", "Basic b3BzOnBhc3N3b3JkMQ=="}};  // ops:password1
  const auto read_as_ops = [&] { return fetch(port, kRemotes, login).status; };
  const Json added{
      {"do", "user.add"}, {"name", "ops"}, {"password", "password1"}, {"role", "admin"}};
  ASSERT_EQ(fetch(port, "/-/control", admin, "POST", added.dump()).status, 200);
  ASSERT_EQ(read_as_ops(), 200);
  change_and_leave("POST /-/control", R"({"do":"user.remove","name":"ops"})");
  const auto late = std::chrono::steady_clock::now() + 20s;
  int status = 200;
  while (status != 401 && std::chrono::steady_clock::now() < late) status = read_as_ops();
  EXPECT_EQ(status, 401);
}

}  // namespace
}  // namespace hubcache::test
