#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/fd.h"

namespace hubcache::test {

/// What came back on a connection of its own.
struct Answer {
  int status = 0;                              // 0: nothing that looks like an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // without its chunks' lines
  bool complete = false;                       // all of Content-Length came, or the last chunk
  bool reset = false;                          // the connection ended with RST

  std::string header(const std::string& lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string() : found->second;
  }
};

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A connection to 127.0.0.1:`port`. Held idle, it makes the server take the next one to another
/// worker.
Fd connect_to(std::uint16_t port);

/// Sends `request` as it is to 127.0.0.1:`port` and reads until the answer is complete or the
/// connection ends. Blocks, 30 s at most. Calls `on_head` when the headers are there.
Answer send_raw(std::uint16_t port, std::string_view request,
                const std::function<void()>& on_head = {});

/// One request with Connection: close.
Answer fetch(std::uint16_t port, std::string_view target, const Fields& fields = {},
             std::string_view method = "GET", std::string_view body = {},
             const std::function<void()>& on_head = {});

}  // namespace hubcache::test
