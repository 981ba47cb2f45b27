#pragma once

#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hubcache::test {

/// All pairs of a table's rows and columns when HUBCACHE_TEST_FULL is set, as `scripts/test --full`
/// does; else each row with one of the columns, in turn.
template <typename Row, typename Column>
std::vector<std::pair<Row, Column>> matrix(const std::vector<Row>& rows,
                                           const std::vector<Column>& columns) {
  const bool full = std::getenv("HUBCACHE_TEST_FULL") != nullptr;
  std::vector<std::pair<Row, Column>> pairs;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (full || row % columns.size() == column) pairs.emplace_back(rows[row], columns[column]);
    }
  }
  return pairs;
}

/// What a test may be called.
inline std::string test_name(std::string_view words) {
  std::string name;
  bool begins = true;
  for (const char c : words) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) == 0) {
      begins = true;
      continue;
    }
    name += begins ? static_cast<char>(std::toupper(letter)) : c;
    begins = false;
  }
  return name;
}

}  // namespace hubcache::test
