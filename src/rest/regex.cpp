#include "hubcache/rest/regex.h"

#include <algorithm>
#include <utility>

namespace hubcache::rest {
namespace {

using Step = Regex::Step;
using Range = Regex::Range;
using Program = std::vector<Step>;

constexpr std::size_t kLargest = 5000;      // steps, each range of a set for one
constexpr std::size_t kMostWork = 100'000;  // the same, of all parts that are put together
constexpr int kDeepestGroups = 50;          // groups in groups
constexpr std::size_t kMostRepeats = 200;

std::u32string decode(std::string_view text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    int more = lead >= 0xc0 ? 1 : 0;
    if (lead >= 0xe0) more = lead >= 0xf0 ? 3 : 2;
    char32_t point = more == 0 ? lead : lead & (0x3fU >> static_cast<unsigned>(more));
    for (int k = 0; k < more && i < text.size(); ++k) {
      point = (point << 6U) | (static_cast<unsigned char>(text[i++]) & 0x3fU);
    }
    points += point;
  }
  return points;
}

char32_t folded(char32_t c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

Step step(Step::Kind kind, std::size_t next = 0, std::size_t other = 0) {
  Step made;
  made.kind = kind;
  made.next = next;
  made.other = other;
  return made;
}

std::size_t cost_of(const Program& program) {
  std::size_t cost = 0;
  for (const auto& step : program) cost += std::max<std::size_t>(step.ranges.size(), 1);
  return cost;
}

/// Recursive descent; programs of parts fall through their end. Any failure sets `failed_`.
class Parser {
 public:
  explicit Parser(std::u32string pattern) : pattern_(std::move(pattern)) {}

  std::optional<Program> run() {
    auto program = alternatives(0);
    if (failed_ || at_ != pattern_.size() || cost_of(program) > kLargest) return std::nullopt;
    program.push_back(step(Step::Kind::kMatch));
    return program;
  }

 private:
  bool more() const { return !failed_ && at_ < pattern_.size(); }
  bool take(char32_t c) {
    if (!more() || pattern_[at_] != c) return false;
    ++at_;
    return true;
  }
  Program fail() {
    failed_ = true;
    return {};
  }

  /// Appends a piece of program, its jumps moved to where it now stands. What is copied too often
  /// fails, whatever becomes of it: `((a{200}){24}){0}` is empty.
  void append(Program& program, const Program& piece) {
    work_ += cost_of(piece);
    if (work_ > kMostWork) failed_ = true;
    if (failed_) return;
    const auto base = program.size();
    for (auto copy : piece) {
      copy.next += base;
      copy.other += base;
      program.push_back(std::move(copy));
    }
  }

  Program alternatives(int depth) {
    if (depth > kDeepestGroups) return fail();
    Program program;
    std::vector<std::size_t> ends;
    auto last = sequence(depth);
    while (take('|')) {
      const auto start = program.size();
      program.push_back(step(Step::Kind::kSplit, start + 1, start + last.size() + 2));
      append(program, last);
      ends.push_back(program.size());
      program.push_back(step(Step::Kind::kJump));
      if (program.size() > kLargest) return fail();
      last = sequence(depth);
    }
    append(program, last);
    for (const auto end : ends) program[end].next = program.size();
    return program;
  }

  Program sequence(int depth) {
    Program program;
    while (more() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      append(program, repeated(depth));
      if (program.size() > kLargest) return fail();
    }
    return program;
  }

  Program repeated(int depth) {
    auto piece = single(depth);
    while (more()) {
      if (take('*')) {
        piece = many(piece, 0, std::nullopt);
      } else if (take('+')) {
        piece = many(piece, 1, std::nullopt);
      } else if (take('?')) {
        piece = many(piece, 0, 1);
      } else if (pattern_[at_] == '{' && bounds()) {
        piece = many(piece, least_, most_);
      } else {
        break;
      }
      if (piece.size() > kLargest) return fail();
      take('?');  // lazy: the same, when all that is asked is whether it matches
    }
    return piece;
  }

  Program many(const Program& piece, std::size_t least, std::optional<std::size_t> most) {
    Program program;
    if (failed_ || piece.size() * most.value_or(least + 1) > kLargest) return fail();
    for (std::size_t i = 0; i < least; ++i) append(program, piece);
    if (!most) {
      const auto start = program.size();
      program.push_back(step(Step::Kind::kSplit, start + 1, start + piece.size() + 2));
      append(program, piece);
      program.push_back(step(Step::Kind::kJump, start));
      return program;
    }
    for (std::size_t i = least; i < *most; ++i) {
      const auto start = program.size();
      const auto end = start + (*most - i) * (piece.size() + 1);
      program.push_back(step(Step::Kind::kSplit, start + 1, end));
      append(program, piece);
    }
    return program;
  }

  /// `{2}`, `{2,}`, `{2,5}`; a brace that begins none of them stands for itself.
  bool bounds() {
    auto at = at_ + 1;
    const auto number = [&]() -> std::optional<std::size_t> {
      const auto begin = at;
      std::size_t value = 0;
      while (at < pattern_.size() && pattern_[at] >= '0' && pattern_[at] <= '9' && at < begin + 4) {
        value = value * 10 + static_cast<std::size_t>(pattern_[at++] - '0');
      }
      return at == begin ? std::nullopt : std::optional(value);
    };
    const auto least = number();
    if (!least) return false;
    auto most = least;
    if (at < pattern_.size() && pattern_[at] == ',') {
      ++at;
      most = number();
    }
    if (at >= pattern_.size() || pattern_[at] != '}') return false;
    at_ = at + 1;
    least_ = *least;
    most_ = most;
    if (least_ > kMostRepeats || most_.value_or(least_) > kMostRepeats ||
        most_.value_or(least_) < least_) {
      failed_ = true;
    }
    return true;
  }

  Program single(int depth) {
    const auto c = pattern_[at_++];
    switch (c) {
      case '.':
        return {step(Step::Kind::kAny)};
      case '^':
        return {step(Step::Kind::kBegin)};
      case '$':
        return {step(Step::Kind::kEnd)};
      case '(': {
        if (take('?') && !take(':')) return fail();
        auto group = alternatives(depth + 1);
        if (!take(')')) return fail();
        return group;
      }
      case '[':
        return set();
      case '\\': {
        auto made = step(Step::Kind::kSet);
        if (!escape(made)) return fail();
        return {made};
      }
      case '*':
      case '+':
      case '?':
        return fail();
      default: {
        auto made = step(Step::Kind::kSet);
        made.ranges = {{c, c}};
        return {made};
      }
    }
  }

  /// What stands after a backslash, as ranges.
  bool escape(Step& into) {
    if (!more()) return false;
    const auto c = pattern_[at_++];
    const bool opposite = c >= 'A' && c <= 'Z';
    switch (folded(c)) {
      case 'd':
        into.ranges = {{'0', '9'}};
        break;
      case 'w':
        into.ranges = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}, {0x80, 0x10ffff}};
        break;
      case 's':
        into.ranges = {{'\t', '\r'}, {' ', ' '}};
        break;
      case 'n':
        into.ranges = {{'\n', '\n'}};
        return !opposite;
      case 't':
        into.ranges = {{'\t', '\t'}};
        return !opposite;
      default: {
        const bool letter_or_digit =
            (folded(c) >= 'a' && folded(c) <= 'z') || (c >= '0' && c <= '9');
        into.ranges = {{c, c}};
        return !letter_or_digit;
      }
    }
    into.negated = opposite;
    return true;
  }

  Program set() {
    auto made = step(Step::Kind::kSet);
    made.negated = take('^');
    bool first = true;
    while (more() && (first || pattern_[at_] != ']')) {
      first = false;
      auto low = pattern_[at_++];
      if (low == '\\') {
        Step escaped;
        if (!escape(escaped) || escaped.negated) return fail();
        made.ranges.insert(made.ranges.end(), escaped.ranges.begin(), escaped.ranges.end());
        continue;
      }
      auto high = low;
      if (at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']') {
        high = pattern_[at_ + 1];
        at_ += 2;
        if (high < low || high == '\\') return fail();
      }
      made.ranges.push_back({low, high});
    }
    if (!take(']')) return fail();
    return {made};
  }

  std::u32string pattern_;
  std::size_t at_ = 0;
  std::size_t work_ = 0;
  std::size_t least_ = 0;
  std::optional<std::size_t> most_;
  bool failed_ = false;
};

bool within(const Step& set, char32_t c) {
  return std::ranges::any_of(set.ranges,
                             [c](const Range& r) { return c >= r.first && c <= r.last; });
}

bool accepts(const Step& set, char32_t c, bool ignore_case) {
  bool inside = within(set, c);
  if (!inside && ignore_case) {
    const auto small = folded(c);
    inside =
        within(set, small) || (small >= 'a' && small <= 'z' && within(set, small - ('a' - 'A')));
  }
  return inside != set.negated;
}

}  // namespace

std::optional<Regex> Regex::compile(std::string_view pattern, bool ignore_case) {
  auto program = Parser(decode(pattern)).run();
  if (!program) return std::nullopt;
  return Regex(std::move(*program), ignore_case);
}

bool Regex::found_in(std::string_view text) const {
  const auto points = decode(text);
  std::vector<std::size_t> now;
  std::vector<bool> seen(steps_.size());
  for (std::size_t i = 0;; ++i) {
    const bool at_end = i == points.size();
    follow(0, i == 0, at_end, now, seen);
    std::vector<std::size_t> next;
    std::vector<bool> seen_next(steps_.size());
    for (const auto index : now) {
      const auto& current = steps_[index];
      if (current.kind == Step::Kind::kMatch) return true;
      if (at_end) continue;
      const bool takes = current.kind == Step::Kind::kAny
                             ? points[i] != '\n'
                             : accepts(current, points[i], ignore_case_);
      if (takes) follow(index + 1, false, i + 1 == points.size(), next, seen_next);
    }
    if (at_end) return false;
    now = std::move(next);
    seen = std::move(seen_next);
  }
}

/// Adds to `set` all steps that can be reached from `step` without reading a character.
void Regex::follow(std::size_t step, bool at_begin, bool at_end, std::vector<std::size_t>& set,
                   std::vector<bool>& seen) const {
  std::vector<std::size_t> open{step};
  while (!open.empty()) {
    const auto index = open.back();
    open.pop_back();
    if (seen[index]) continue;
    seen[index] = true;
    const auto& current = steps_[index];
    switch (current.kind) {
      case Step::Kind::kSplit:
        open.push_back(current.other);
        open.push_back(current.next);
        break;
      case Step::Kind::kJump:
        open.push_back(current.next);
        break;
      case Step::Kind::kBegin:
        if (at_begin) open.push_back(index + 1);
        break;
      case Step::Kind::kEnd:
        if (at_end) open.push_back(index + 1);
        break;
      case Step::Kind::kAny:
      case Step::Kind::kSet:
      case Step::Kind::kMatch:
        set.push_back(index);
        break;
    }
  }
}

}  // namespace hubcache::rest
