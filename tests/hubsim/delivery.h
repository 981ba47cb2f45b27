#pragma once

#include <functional>

#include "hubsim/faults.h"
#include "hubsim/log.h"
#include "hubsim/wire.h"

namespace hubsim {

/// Sends one answer, with what the faults do to it.
class Delivery {
 public:
  Delivery(Connection& connection, Faults& faults, const Faults::Active& active, Log::Live& live,
           std::function<bool()> given_up);

  /// False when the connection must be closed.
  bool send(const Request& request, const Response& response);

 private:
  bool send_body(const Response& response);
  bool send_part(const Response& body, std::uint64_t at, std::uint64_t count);

  Connection& connection_;
  Faults& faults_;
  const Faults::Active& active_;
  Log::Live& live_;
  std::function<bool()> given_up_;
};

}  // namespace hubsim
