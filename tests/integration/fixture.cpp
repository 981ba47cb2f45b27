#include "integration/fixture.h"

#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

namespace hubcache::test {

Told told(const Answer& answer) {
  auto all = answer.headers;
  all.erase("date");
  all.erase("x-request-id");
  all["status"] = std::to_string(answer.status);
  all["body"] = answer.body;
  return all;
}

ServerTest::ServerTest() {
  ::signal(SIGPIPE, SIG_IGN);  // as the program does
  hub.seed();
  config.storage.data_dir = data.path().string();
  config.storage.min_free = {};
  config.server.workers = 2;
  config.server.shutdown_timeout = std::chrono::seconds(1);
  config.upstream.url = hub.url();
  config.upstream.url_given = true;
  config.admin_password = "password";
  start();
}

void ServerTest::start() {
  instance_ = std::make_unique<app::Instance>(config, clock, log, disk);
  const auto listen = [](const std::string& where, std::uint16_t& at) {
    std::vector<net::Listener> listeners;
    listeners.push_back(net::listen(where));
    const auto& address = listeners.front().address;
    at = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    return listeners;
  };
  std::vector<net::Listener> metrics;
  for (const auto& where : config.server.metrics_listen) metrics = listen(where, metrics_port);
  instance_->start(listen("127.0.0.1:0", port), std::move(metrics));
}

void ServerTest::stop() { instance_.reset(); }

void ServerTest::restart() {
  stop();
  start();
}

ServerTest::Scrape ServerTest::scrape() const {
  Scrape numbers;
  std::istringstream lines(scraped());
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.rfind(' ');
    if (line.starts_with('#') || space == std::string::npos) continue;
    numbers[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return numbers;
}

double ServerTest::sum(const Scrape& numbers, const std::string& name, std::string_view part) {
  double all = 0;
  for (const auto& [key, value] : numbers) {
    const bool is_it = key == name || key.starts_with(name + "{");
    if (is_it && key.find(part) != std::string::npos) all += value;
  }
  return all;
}

Answer ServerTest::content(std::string_view method, std::string_view path, std::string_view token,
                           Fields fields) {
  if (!token.empty()) fields.emplace_back("Authorization", "Bearer " + std::string(token));
  return fetch(port, "/pulp/content/hf" + std::string(path), fields, method);
}

Answer ServerTest::rest(std::string_view method, std::string_view path, std::string_view body) {
  Fields fields{{"Authorization", "Basic YWRtaW46cGFzc3dvcmQ="}};  // admin:password
  if (!body.empty()) fields.emplace_back("Content-Type", "application/json");
  return fetch(port, path, fields, method, body);
}

std::size_t ServerTest::stored_blobs() const {
  std::size_t count = 0;
  for (const auto& item : std::filesystem::recursive_directory_iterator(data.path() / "blobs")) {
    if (item.is_regular_file()) ++count;
  }
  return count;
}

void ServerTest::wait_stored(std::size_t blobs) const {
  while (stored_blobs() < blobs) std::this_thread::yield();
}

}  // namespace hubcache::test
