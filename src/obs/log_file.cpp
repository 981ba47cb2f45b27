#include "hubcache/obs/log_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"

namespace hubcache::obs {

void redirect_to_file(const std::string& file) {
  if (file.empty()) return;
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  const Fd opened(::open(file.c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (!opened || ::dup2(opened.get(), STDERR_FILENO) < 0) {
    throw Error::from_errno(errno, "opening the log file " + file);
  }
}

}  // namespace hubcache::obs
