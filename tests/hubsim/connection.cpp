#include <algorithm>
#include <cerrno>
#include <charconv>

#include <sys/sendfile.h>
#include <sys/socket.h>

#include "hubsim/wire.h"
#include "hubsim/world.h"

namespace hubsim {
namespace {

constexpr std::size_t kMaxHead = 256 * 1024;
constexpr std::size_t kMaxBody = 256 * 1024 * 1024;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool parse_head(std::string_view head, Request& request) {
  const auto line_end = head.find("\r\n");
  const auto line = split(head.substr(0, line_end), ' ');
  if (line.size() != 3 || !line[2].starts_with("HTTP/1.")) return false;
  request.method = line[0];
  request.target = line[1];
  const auto question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string::npos) request.query = request.target.substr(question + 1);
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const auto field = head.substr(0, end);
    const auto colon = field.find(':');
    if (colon == field.npos) return false;
    request.headers.emplace_back(field.substr(0, colon), trimmed(field.substr(colon + 1)));
    head.remove_prefix(end + 2);
  }
  const auto connection = lower_case(request.header("connection"));
  request.keep_alive = line[2] == "HTTP/1.1" ? connection.find("close") == std::string::npos
                                             : connection.find("keep-alive") != std::string::npos;
  return true;
}

}  // namespace

bool Connection::fill() {
  const auto before = buffer_.size();
  buffer_.resize(before + 16384);
  const auto got = ::recv(socket_.get(), buffer_.data() + before, 16384, 0);
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

std::optional<Request> Connection::read_request() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > kMaxHead || !fill()) return std::nullopt;
  }
  Request request;
  if (!parse_head(std::string_view(buffer_).substr(0, end + 2), request)) return std::nullopt;
  buffer_.erase(0, end + 4);
  std::size_t length = 0;
  const auto said = request.header("content-length");
  std::from_chars(said.data(), said.data() + said.size(), length);
  if (length > kMaxBody || !request.header("transfer-encoding").empty()) return std::nullopt;
  if (length > buffer_.size() && lower_case(request.header("expect")) == "100-continue") {
    send("HTTP/1.1 100 Continue\r\n\r\n");
  }
  while (buffer_.size() < length) {
    if (!fill()) return std::nullopt;
  }
  request.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return request;
}

bool Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto done = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

bool Connection::send_file(int fd, std::uint64_t offset, std::uint64_t count) {
  auto at = static_cast<off_t>(offset);
  while (count > 0) {
    const auto done = ::sendfile(socket_.get(), fd, &at, count);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    count -= static_cast<std::uint64_t>(done);
  }
  return true;
}

bool Connection::peer_left() const {
  char byte = 0;
  const auto got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void Connection::reset_on_close() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace hubsim
