// What the fuzzers found, and began with, keeps its promises in every build.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
int hubcache_fuzz_config(const std::uint8_t* bytes, std::size_t size);
int hubcache_fuzz_json(const std::uint8_t* bytes, std::size_t size);
int hubcache_fuzz_map(const std::uint8_t* bytes, std::size_t size);
int hubcache_fuzz_range(const std::uint8_t* bytes, std::size_t size);
int hubcache_fuzz_request(const std::uint8_t* bytes, std::size_t size);
int hubcache_fuzz_url(const std::uint8_t* bytes, std::size_t size);
}

namespace hubcache::fuzz {
namespace {

using Fuzzer = int (*)(const std::uint8_t*, std::size_t);

const std::map<std::string, Fuzzer> kFuzzers{
    {"config", hubcache_fuzz_config},   {"json", hubcache_fuzz_json},
    {"map", hubcache_fuzz_map},         {"range", hubcache_fuzz_range},
    {"request", hubcache_fuzz_request}, {"url", hubcache_fuzz_url}};

std::vector<std::string> corpora() {
  std::vector<std::string> names;
  for (const auto& corpus : std::filesystem::directory_iterator(HUBCACHE_CORPORA)) {
    names.push_back(corpus.path().filename().string());
  }
  return names;
}

class CorpusTest : public testing::TestWithParam<std::string> {};

TEST_P(CorpusTest, KeepsItsPromises) {
  const auto fuzzer = kFuzzers.at(GetParam());
  for (const auto& input :
       std::filesystem::directory_iterator(std::filesystem::path(HUBCACHE_CORPORA) / GetParam())) {
    std::ifstream file(input.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    EXPECT_NO_THROW(fuzzer(begin, bytes.size())) << input.path();
  }
}

INSTANTIATE_TEST_SUITE_P(All, CorpusTest, testing::ValuesIn(corpora()),
                         [](const auto& corpus) { return corpus.param; });

}  // namespace
}  // namespace hubcache::fuzz
