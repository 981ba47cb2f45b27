#include "hubsim/log.h"

namespace hubsim {

std::string_view Exchange::header(std::string_view name) const {
  return find_header(headers, name);
}

std::shared_ptr<Log::Live> Log::begin(Host host, const Request& request) {
  auto live = std::make_shared<Live>();
  auto& exchange = live->exchange;
  exchange.host = host;
  exchange.method = request.method;
  exchange.target = request.target;
  exchange.headers = request.headers;
  exchange.body = request.body;
  const std::lock_guard lock(mutex_);
  entries_.push_back(live);
  return live;
}

std::vector<Exchange> Log::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Exchange> exchanges;
  exchanges.reserve(entries_.size());
  for (const auto& live : entries_) {
    exchanges.push_back(live->exchange);
    exchanges.back().status = live->status;
    exchanges.back().body_bytes = live->body_bytes;
  }
  return exchanges;
}

void Log::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace hubsim
