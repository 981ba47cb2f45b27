#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "hubcache/obs/families.h"

namespace hubcache::obs {
namespace {

/// The fields of /proc/self/stat from the third one on (proc(5)); the second may hold anything.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::vector<double> fields;
  std::string word;
  while (rest >> word) {
    double number = 0;  // the state is a letter
    std::from_chars(word.data(), word.data() + word.size(), number);
    fields.push_back(number);
  }
  return fields;
}

/// When the machine started, in seconds since the epoch.
double boot_time() {
  const auto seconds_of = [](clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  // Not of /proc/stat, which a service with ProcSubset=pid does not see. Whole, so that it stays.
  return std::round(seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME));
}

std::uint64_t open_descriptors() {
  std::error_code unreadable;
  std::uint64_t count = 0;
  for (auto one = std::filesystem::directory_iterator("/proc/self/fd", unreadable);
       !unreadable && one != std::filesystem::directory_iterator(); one.increment(unreadable)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them is this look
}

}  // namespace

void add_process(Families& families) {
  // Counted from the third field: utime, stime, starttime, vsize, rss.
  constexpr std::size_t kUser = 11;
  constexpr std::size_t kSystem = 12;
  constexpr std::size_t kStart = 19;
  constexpr std::size_t kVirtual = 20;
  constexpr std::size_t kResident = 21;
  if (const auto stat = stat_fields(); stat.size() > kResident) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    families.counter("process_cpu_seconds_total", "Processor time, user and system.")
        .add((stat[kUser] + stat[kSystem]) / ticks);
    families.gauge("process_start_time_seconds", "When the process started, since the epoch.")
        .add(boot_time() + stat[kStart] / ticks);
    families.gauge("process_virtual_memory_bytes", "Virtual memory.").add(stat[kVirtual]);
    families.gauge("process_resident_memory_bytes", "Memory in use, mapped files included.")
        .add(stat[kResident] * page);
  }
  families.gauge("process_open_fds", "Open file descriptors.").add(open_descriptors());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.gauge("process_max_fds", "How many file descriptors may be open.")
        .add(static_cast<std::uint64_t>(limit.rlim_cur));
  }
}

}  // namespace hubcache::obs
