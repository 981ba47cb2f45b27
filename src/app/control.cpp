#include "hubcache/app/control.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "hubcache/access/caller.h"
#include "hubcache/base/fd.h"
#include "hubcache/http/status.h"
#include "hubcache/net/listener.h"
#include "hubcache/rest/gate.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

http::Response json_response(int status, const Json& body) {
  // The Hub may have said what is no text.
  const auto text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return http::text_response(status, text, "application/json");
}

std::string field_in(const Json& answer, const char* field) {
  const auto found = answer.find(field);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// control_refusal(), the other way.
Error refusal_in(const Json& answer) {
  auto kind = Error::Kind::kConflict;
  for (int i = 0; i <= static_cast<int>(Error::Kind::kInternal); ++i) {
    if (name_of(static_cast<Error::Kind>(i)) == field_in(answer, "kind")) {
      kind = static_cast<Error::Kind>(i);
    }
  }
  return {kind, field_in(answer, "error"), Error::HubDetail{.code = field_in(answer, "hub_code")}};
}

Task<http::Response> answer(CommandRunner run, std::string body, std::string by) {
  auto command = Json::parse(body, nullptr, false);
  if (!command.is_object()) throw Error(Error::Kind::kBadRequest, "a command is a JSON object");
  const auto result = co_await run(std::move(command), std::move(by));
  co_return json_response(200, result);
}

/// Connected to the server, or empty when nobody listens.
Fd connect_to(const std::filesystem::path& socket) {
  sockaddr_un address{};
  const auto path = socket.string();
  if (path.size() >= sizeof address.sun_path) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return fd;
  }
  if (errno == ENOENT || errno == ECONNREFUSED) return {};
  throw Error::from_errno(errno, "speaking to the server at " + path);
}

Error broken_off() {
  return {Error::Kind::kUnavailable, "the server ended in the middle: see its log"};
}

std::string converse(const Fd& fd, const std::string& body, const std::stop_token& stop) {
  const timeval look_for_stop{.tv_sec = 0, .tv_usec = 100'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &look_for_stop, sizeof look_for_stop);
  const auto request =
      "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    throw broken_off();
  }
  std::string text;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count == 0) return text;
    if (count < 0 && errno != EAGAIN && errno != EINTR) throw broken_off();
    if (stop.stop_requested()) throw Error(Error::Kind::kCancelled, "interrupted");
    if (count < 0) continue;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Control::Control(Workers& workers, const std::filesystem::path& socket, CommandRunner run,
                 const Clock& clock, obs::Log& log)
    : socket_(socket) {
  std::optional<net::Listener> listener;
  try {
    listener = net::listen("unix:" + std::filesystem::absolute(socket).string());
  } catch (const Error& error) {
    log.warn("commands cannot reach this server", {{"why", error.what()}});
    return;
  }
  const auto handle = [run = std::move(run)](const http::Request& request) {
    return answer(run, request.body, kCommandLine);
  };
  const auto refuse = [](const http::Request& /*request*/, const Error& error) {
    return control_refusal(error);
  };
  std::vector<http::Site> sites(workers.size(), {.handle = handle, .on_error = refuse});
  server_ = std::make_unique<http::Server>(workers, std::move(sites), http::Limits{}, clock, log);
  server_->serve(std::move(*listener));
}

Control::~Control() {
  if (server_) ::unlink(socket_.c_str());
}

Task<> Control::shut_down(std::chrono::milliseconds deadline) {
  if (server_) co_await server_->shut_down(deadline);
}

http::Response control_refusal(const Error& error) {
  return json_response(
      http::status_of(error.kind()),
      {{"error", error.what()}, {"kind", name_of(error.kind())}, {"hub_code", error.hub().code}});
}

Task<http::Response> control_by_url(access::Accounts& accounts, const http::PublicName& public_name,
                                    CommandRunner run, const http::Request& request) {
  if (rest::is_foreign(request, http::public_base(request, public_name))) {
    throw Error(Error::Kind::kForbidden, "requests from pages of other sites are refused");
  }
  const auto account = co_await access::account_of(accounts, request);
  if (!account) {
    throw Error(Error::Kind::kUnauthorized,
                "commands are for administrators: set HUBCACHE_LOGIN, or --login-file, to the "
                "NAME:PASSWORD or an access token of one");
  }
  if (account->role != access::Role::kAdmin) {
    throw Error(Error::Kind::kForbidden,
                "commands are for administrators, and " + account->name + " is none");
  }
  if (request.method != "POST") {
    throw Error(Error::Kind::kMethodNotAllowed, "commands are sent by POST");
  }
  co_return co_await answer(std::move(run), request.body, account->name);
}

std::optional<Json> result_in(std::string_view answer) {
  auto result = Json::parse(answer, nullptr, false);
  if (!result.is_object()) return std::nullopt;
  if (!result.contains("error")) return result;
  if (!result.contains("kind")) return std::nullopt;  // others say "error" too
  throw refusal_in(result);
}

std::optional<Json> command_server(const std::filesystem::path& socket, const Json& command,
                                   const std::stop_token& stop) {
  const auto fd = connect_to(socket);
  if (!fd) return std::nullopt;
  const auto text = converse(fd, command.dump(), stop);
  const auto body = text.find("\r\n\r\n");
  auto result = body == std::string::npos ? std::nullopt : result_in(text.substr(body + 4));
  if (!result) throw broken_off();
  return result;
}

}  // namespace hubcache::app
