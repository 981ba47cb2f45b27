// What each request does at least once, by itself: `scripts/bench micro` runs it.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "hubcache/base/joined.h"
#include "hubcache/base/lru.h"
#include "hubcache/http/range.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/store/block_map.h"

namespace hubcache {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
const std::string kCommit(40, 'c');
const std::string kTag = "\"" + std::string(64, 'd') + "\"";

void route(benchmark::State& state, const std::string& path) {
  for (auto _ : state) benchmark::DoNotOptimize(hub::parse_route(path));
}
BENCHMARK_CAPTURE(route, file,
                  "org/model/resolve/" + kCommit + "/model-00001-of-00002.safetensors");
BENCHMARK_CAPTURE(route, deep_file, "datasets/org/set/resolve/main/data/a%20b/c/d/e/train.parquet");
BENCHMARK_CAPTURE(route, tree, "api/models/org/model/tree/" + kCommit);

void plan(benchmark::State& state, const std::string& name, const std::string& value) {
  http::Request request;
  for (const auto* field : {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}) {
    request.headers.add(field, "what a client says there");
  }
  if (!name.empty()) request.headers.add(name, value);
  for (auto _ : state) {
    http::Response response;
    benchmark::DoNotOptimize(http::apply_conditions(request, kTag, kGiB, response));
  }
}
BENCHMARK_CAPTURE(plan, whole, "", "");
BENCHMARK_CAPTURE(plan, not_modified, "If-None-Match", kTag);
BENCHMARK_CAPTURE(plan, range, "Range", "bytes=1048576-2097151");
BENCHMARK_CAPTURE(plan, eight_ranges, "Range",
                  "bytes=0-9,100-109,1000-1009,2000-2009,3000-3009,"
                  "4000-4009,5000-5009,6000-6009");

/// Pieces as they come from a socket, of a file of 1 GiB.
void mark_blocks(benchmark::State& state) {
  constexpr std::uint64_t kPiece = 256 * 1024;
  for (auto _ : state) {
    store::BlockMap map(kGiB);
    for (std::uint64_t at = 0; at < kGiB; at += kPiece) {
      benchmark::DoNotOptimize(map.mark({.begin = at, .end = at + kPiece}));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kGiB / kPiece));
}
BENCHMARK(mark_blocks);

/// What a reader and a connection ask of a map with a hole in every second block.
void find_missing(benchmark::State& state) {
  store::BlockMap map(kGiB);
  for (std::uint64_t block = 0; block < map.block_count(); block += 2) map.mark_block(block);
  std::uint64_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(map.contiguous_end(at));
    benchmark::DoNotOptimize(map.first_missing({.begin = at, .end = kGiB}));
    at = (at + 3 * store::kBlockSize) % kGiB;
  }
}
BENCHMARK(find_missing);

/// A look into what a worker remembers of the catalog: the key is made, then looked for.
void remembered_entry(benchmark::State& state) {
  constexpr std::size_t kEntries = 20'000;
  const std::string scope = "01900000-0000-7000-8000-000000000000/1";
  std::vector<std::string> paths;
  Lru<std::uint64_t> entries(kEntries);
  const auto key = [&](const std::string& path) {
    return joined({scope, "\n", "model", "/", "org/model", "\n", kCommit, "\n", path});
  };
  for (std::size_t i = 0; i < kEntries; ++i) {
    paths.push_back("folder/model-" + std::to_string(i) + ".safetensors");
    entries.put(key(paths.back()), i);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(entries.find(key(paths[next])));
    next = (next + 7'919) % kEntries;
  }
}
BENCHMARK(remembered_entry);

}  // namespace
}  // namespace hubcache
