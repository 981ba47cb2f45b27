// To send a stored file costs no memory for each of its blocks. A program of its own, for it
// replaces malloc: Asio has the frames of coroutines from aligned_alloc, which operator new knows
// nothing of.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hubcache/base/fd.h"

#include "server_fixture.h"

#ifdef HUBCACHE_SANITIZED
#include <sanitizer/allocator_interface.h>
#endif

namespace {

thread_local std::size_t allocations = 0;  // by this thread

}  // namespace

#ifdef HUBCACHE_SANITIZED

// A sanitizer has a malloc of its own, and tells of each call.
namespace {

const bool counts =
    __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {}) != 0;

}  // namespace

#else

// What glibc lets a program replace; all of it allocates, as before, from glibc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  ++allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

#endif

namespace hubcache::http {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kSmall = 8 * kMiB;
constexpr std::uint64_t kLarge = 64 * kMiB;
// Which frame finds a place that Asio kept depends on what was freed last: one or two more or less.
// The large file has 56 blocks more.
constexpr std::size_t kSlack = 4;

/// The parameter: is the answer known at once, as of what is asked for often, or is it a handler's?
class HitAllocationsTest : public ServerTest, public testing::WithParamInterface<bool> {
 protected:
  HitAllocationsTest() {
    EXPECT_EQ(::ftruncate(file->get(), kLarge), 0);
    handler = [this](Request request) -> Task<Response> { co_return answer(request); };
    if (GetParam()) at_once = [this](const Request& request) { return answer(request); };
    serve();
    client.emplace(address, 64 * 1024);  // so little that the server has to wait again and again
  }

  /// As many bytes of the file as the path says, and how often this worker has allocated so far.
  Response answer(const Request& request) const {
    Response response;
    response.headers.set("Allocations", std::to_string(allocations));
    response.body =
        FileSpan{.file = file, .offset = 0, .length = std::stoull(request.target.substr(1))};
    return response;
  }

  std::size_t allocations_before(std::uint64_t length) {
    client->send("GET /" + std::to_string(length) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = client->read_head();
    EXPECT_EQ(client->read_body(length).size(), length);
    constexpr std::string_view kName = "\r\nAllocations: ";
    return std::stoul(head.substr(head.find(kName) + kName.size()));
  }
  /// From when its request is read until the next one is.
  std::size_t allocations_for(std::uint64_t length) {
    const auto before = allocations_before(length);
    return allocations_before(1) - before;
  }

  std::shared_ptr<const Fd> file = std::make_shared<Fd>(::memfd_create("stored", MFD_CLOEXEC));
  std::optional<RawClient> client;
};

TEST_P(HitAllocationsTest, AreNoMoreForALargeFileThanForASmallOne) {
  allocations_for(kLarge);  // from here on Asio has all it keeps for the next operation
  const auto small = allocations_for(kSmall);
  const auto large = allocations_for(kLarge);
  EXPECT_GT(small, 0U);  // they are counted
  EXPECT_LE(large, small + kSlack);
}

INSTANTIATE_TEST_SUITE_P(All, HitAllocationsTest, testing::Bool());

}  // namespace
}  // namespace hubcache::http
