#include "hubsim/delivery.h"

#include <algorithm>
#include <map>

namespace hubsim {
namespace {

constexpr std::uint64_t kPart = 4 * 1024 * 1024;
constexpr std::uint64_t kFlippedPart = 64 * 1024;

std::string_view reason(int status) {
  static const std::map<int, std::string_view> kReasons = {{200, "OK"},
                                                           {206, "Partial Content"},
                                                           {302, "Found"},
                                                           {304, "Not Modified"},
                                                           {307, "Temporary Redirect"},
                                                           {400, "Bad Request"},
                                                           {401, "Unauthorized"},
                                                           {403, "Forbidden"},
                                                           {404, "Not Found"},
                                                           {416, "Range Not Satisfiable"},
                                                           {429, "Too Many Requests"},
                                                           {500, "Internal Server Error"},
                                                           {502, "Bad Gateway"},
                                                           {503, "Service Unavailable"},
                                                           {504, "Gateway Timeout"}};
  const auto at = kReasons.find(status);
  return at == kReasons.end() ? "Status" : at->second;
}

std::string chunk_of(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string size;
  for (auto rest = text.size(); rest > 0; rest /= 16) size.insert(size.begin(), kDigits[rest % 16]);
  const std::string end = "0\r\n\r\n";
  return text.empty() ? end : size + "\r\n" + text + "\r\n" + end;
}

}  // namespace

Delivery::Delivery(Connection& connection, Faults& faults, const Faults::Active& active,
                   Log::Live& live, std::function<bool()> given_up)
    : connection_(connection),
      faults_(faults),
      active_(active),
      live_(live),
      given_up_(std::move(given_up)) {}

bool Delivery::send(const Request& request, const Response& response) {
  bool keep = request.keep_alive;
  const bool has_body = request.method != "HEAD" && response.status != 304;
  auto length = response.length();
  if (const auto* live = find_fault(active_, Fault::Kind::kLength)) {
    length = static_cast<std::uint64_t>(static_cast<std::int64_t>(length) + live->fault.length);
    keep = false;
  }
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += reason(response.status);
  head += "\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (response.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (response.status != 304 && find_header(response.headers, "content-length").empty()) {
    head += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  head += keep ? "\r\n" : "Connection: close\r\n\r\n";

  live_.status = response.status;
  const bool plain = has_body && !response.blob && active_.empty();
  if (plain) {
    const auto body = response.chunked ? chunk_of(response.text) : response.text;
    live_.body_bytes += body.size();
    return connection_.send(head + body) && keep;
  }
  if (!connection_.send(head)) return false;
  return (!has_body || send_body(response)) && keep;
}

bool Delivery::send_body(const Response& response) {
  Response framed;
  if (response.chunked) {
    framed.text = chunk_of(response.text);
  }
  const Response& body = response.chunked ? framed : response;
  const auto total = body.length();
  std::uint64_t at = 0;
  // One turn more than there are bytes: a fault may sit right at the end.
  for (;;) {
    auto count = std::min(total - at, kPart);
    std::chrono::nanoseconds pause{0};
    if (const auto* cut = find_fault(active_, Fault::Kind::kCut)) {
      if (at >= cut->fault.offset) {
        if (cut->fault.reset) connection_.reset_on_close();
        return false;
      }
      count = std::min(count, cut->fault.offset - at);
    }
    if (at == total) return true;
    if (const auto* stall = find_fault(active_, Fault::Kind::kStall)) {
      if (at >= stall->fault.offset && !faults_.wait_lifted(*stall, given_up_)) return false;
      if (at < stall->fault.offset) count = std::min(count, stall->fault.offset - at);
    }
    if (const auto* hold = find_fault(active_, Fault::Kind::kHold)) {
      const auto in_file = body.first + at;
      if (in_file >= hold->fault.offset && !faults_.wait_lifted(*hold, given_up_)) return false;
      if (in_file < hold->fault.offset) count = std::min(count, hold->fault.offset - in_file);
    }
    if (const auto* pace = find_fault(active_, Fault::Kind::kPace)) {
      const auto speed = std::max<std::uint64_t>(pace->fault.bytes_per_second, 1);
      count = std::min(count, std::max<std::uint64_t>(speed / 50, 1));
      pause = std::chrono::nanoseconds(std::chrono::seconds(count)) / speed;
      if (pace->fault.together) pause = faults_.send_by_link(*pace, pause);
    }
    if (find_fault(active_, Fault::Kind::kFlip) != nullptr) count = std::min(count, kFlippedPart);
    // Counted before they are sent, so that no client has bytes which the log does not.
    live_.body_bytes += count;
    if (!send_part(body, at, count)) return false;
    if (pause.count() > 0 && !faults_.sleep(pause, given_up_)) return false;
    at += count;
  }
}

bool Delivery::send_part(const Response& body, std::uint64_t at, std::uint64_t count) {
  const auto in_file = body.first + at;
  const auto* flip = find_fault(active_, Fault::Kind::kFlip);
  if (flip != nullptr && flip->fault.offset >= in_file && flip->fault.offset < in_file + count) {
    auto bytes = body.blob ? body.blob->bytes(in_file, count) : body.text.substr(at, count);
    auto& flipped = bytes[flip->fault.offset - in_file];
    flipped = static_cast<char>(~static_cast<unsigned char>(flipped));
    return connection_.send(bytes);
  }
  if (body.blob && body.blob->fd() >= 0) {
    return connection_.send_file(body.blob->fd(), in_file, count);
  }
  const auto bytes = body.blob ? body.blob->memory() : std::string_view(body.text);
  return connection_.send(bytes.substr(in_file, count));
}

}  // namespace hubsim
