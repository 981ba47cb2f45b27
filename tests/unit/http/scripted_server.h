#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "hubcache/base/fd.h"

namespace hubcache::http {

/// An upstream that says just what it is told to: one answer for each request it reads, in the
/// order they come. After an answer that ends in kHangUp it closes, after kStall it falls silent.
class ScriptedServer {
 public:
  static constexpr char kHangUp = '\x01';
  static constexpr char kStall = '\x02';

  explicit ScriptedServer(std::vector<std::string> answers)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), answers_(std::move(answers)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_.get(), 16);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void run() {
    std::vector<Fd> silent;
    while (!stopping_) {
      Fd client(::accept(socket_.get(), nullptr, nullptr));
      if (!client) break;
      ++connections_;
      if (serve(client)) silent.push_back(std::move(client));
    }
  }

  // True when the connection is to stay open without a word.
  bool serve(const Fd& client) {
    std::string input;
    while (next_ < answers_.size()) {
      while (input.find("\r\n\r\n") == std::string::npos) {
        std::array<char, 4096> bytes{};
        const ssize_t n = ::recv(client.get(), bytes.data(), bytes.size(), 0);
        if (n <= 0) return false;
        input.append(bytes.data(), static_cast<std::size_t>(n));
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(input);
      }
      input.clear();
      std::string answer = answers_[next_++];
      const char last = answer.empty() ? kHangUp : answer.back();
      if (last == kHangUp || last == kStall) answer = answer.substr(0, answer.size() - 1);
      ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      if (last == kHangUp) return false;
      if (last == kStall) return true;
    }
    return true;
  }

  Fd socket_;
  std::vector<std::string> answers_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace hubcache::http
