#include "hubcache/mirror/verify.h"

#include <cstddef>
#include <optional>

namespace hubcache::mirror {
namespace {

/// How many blobs turned out so.
struct Verified {
  std::int64_t checked = 0;
  std::int64_t untrue = 0;
  std::int64_t missing = 0;
};

void count(Verified& counts, store::Check check) {
  if (check == store::Check::kUnknown) return;  // it went meanwhile
  ++counts.checked;
  if (check == store::Check::kFalse) ++counts.untrue;
  if (check == store::Check::kMissing) ++counts.missing;
}

void tell(const Verified& counts, tasks::Run& run) {
  run.report({.code = "verify.checked", .message = "Hash stored blobs", .done = counts.checked});
  run.report({.code = "verify.false", .message = "Blobs that were false", .done = counts.untrue});
  run.report({.code = "verify.missing", .message = "Blobs without file", .done = counts.missing});
}

}  // namespace

Task<> verify(store::Store& store, std::uint64_t rate, tasks::Run& run) {
  Verified counts;
  tell(counts, run);
  auto page = co_await store.list(std::nullopt, store::Store::kPage);
  while (!page.empty()) {
    for (const auto& blob : page) {
      count(counts, co_await store.check(blob.digest, rate));
      tell(counts, run);
    }
    page = co_await store.list(page.back().digest, store::Store::kPage);
  }
}

}  // namespace hubcache::mirror
