#include "hubsim/faults.h"

#include <algorithm>

namespace hubsim {

void Faults::add(Fault fault) {
  const std::lock_guard lock(mutex_);
  faults_.push_back(std::make_shared<Live>(std::move(fault)));
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  for (auto& live : faults_) live->lifted = true;
  faults_.clear();
  lifted_.notify_all();
}

void Faults::release() {
  const std::lock_guard lock(mutex_);
  std::erase_if(faults_, [](const auto& live) {
    const auto kind = live->fault.kind;
    if (kind != Fault::Kind::kHold && kind != Fault::Kind::kStall) return false;
    live->lifted = true;
    return true;
  });
  lifted_.notify_all();
}

Faults::Active Faults::matching(Host host, const Request& request) {
  const std::lock_guard lock(mutex_);
  Active active;
  for (const auto& live : faults_) {
    const auto& fault = live->fault;
    if (fault.host != host || request.target.find(fault.match) == std::string::npos) continue;
    if (!fault.method.empty() && fault.method != request.method) continue;
    const auto nth = live->seen++;
    if (nth < fault.skip || (fault.count && nth >= fault.skip + *fault.count)) continue;
    if (fault.kind == Fault::Kind::kLimit) {
      const auto now = std::chrono::steady_clock::now();
      if (!live->until) live->until = now + fault.delay;
      if (now >= *live->until) continue;
    }
    active.push_back(live);
  }
  return active;
}

std::chrono::milliseconds Faults::left(const Live& live) const {
  const std::lock_guard lock(mutex_);
  const auto left = live.until.value_or(std::chrono::steady_clock::time_point()) -
                    std::chrono::steady_clock::now();
  return std::max(std::chrono::floor<std::chrono::milliseconds>(left), {});
}

std::chrono::nanoseconds Faults::send_by_link(const Live& link, std::chrono::nanoseconds time) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  link.busy_until = std::max(link.busy_until, now) + time;
  return link.busy_until - now;
}

bool Faults::wait_lifted(const Live& live, const std::function<bool()>& given_up) {
  std::unique_lock lock(mutex_);
  while (!live.lifted) {
    if (given_up()) return false;
    lifted_.wait_for(lock, std::chrono::milliseconds{10});
  }
  return true;
}

bool Faults::sleep(std::chrono::nanoseconds time, const std::function<bool()>& given_up,
                   const Live* fault) {
  const auto until = std::chrono::steady_clock::now() + time;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (given_up()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || (fault != nullptr && fault->lifted)) return true;
    const auto step =
        std::min<std::chrono::nanoseconds>(until - now, std::chrono::milliseconds{10});
    lifted_.wait_for(lock, step);
  }
}

const Faults::Live* find_fault(const Faults::Active& active, Fault::Kind kind) {
  const auto at = std::find_if(active.begin(), active.end(), [&](const auto& live) {
    return live->fault.kind == kind && !live->lifted;
  });
  return at == active.end() ? nullptr : at->get();
}

}  // namespace hubsim
