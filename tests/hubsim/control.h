#pragma once

#include "hubsim/hub.h"
#include "hubsim/wire.h"

namespace hubsim {

/// /_sim/: the Hub's own calls as HTTP, for tests in another process (README.md lists them).
Response answer_control(Hub& hub, const Request& request);

}  // namespace hubsim
