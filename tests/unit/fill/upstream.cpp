#include "upstream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hubcache::fill::test {

class Upstream::Bytes final : public Stream {
 public:
  Bytes(Upstream& upstream, std::uint64_t begin, std::uint64_t end)
      : upstream_(upstream),
        generation_(upstream.generation_),
        begin_(begin),
        at_(begin),
        end_(end) {
    ++upstream_.streams;
  }
  ~Bytes() override {
    --upstream_.streams;
    upstream_.changed_.notify();
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  std::uint64_t offset() const override { return begin_; }

  Task<std::size_t> read(asio::mutable_buffer into) override {
    upstream_.room = std::max(upstream_.room, into.size());
    if (at_ >= end_) co_return 0;
    while (at_ >= upstream_.held.begin && at_ < upstream_.held.end && is_whole()) {
      co_await upstream_.changed_.wait();
    }
    if (!is_whole()) throw Error(Error::Kind::kUpstream, "the connection was reset");
    std::uint64_t end = std::min<std::uint64_t>(end_, at_ + into.size());
    if (at_ < upstream_.held.begin) end = std::min(end, upstream_.held.begin);
    const std::size_t count = end - at_;
    std::memcpy(into.data(), upstream_.bytes_.data() + at_, count);
    at_ = end;
    upstream_.delivered += count;
    upstream_.changed_.notify();
    co_return count;
  }

 private:
  bool is_whole() const { return generation_ == upstream_.generation_; }

  Upstream& upstream_;
  int generation_;
  std::uint64_t begin_;
  std::uint64_t at_;
  std::uint64_t end_;
};

class Upstream::FromHere final : public Source {
 public:
  FromHere(Upstream& upstream, std::string by) : upstream_(upstream), by_(std::move(by)) {}

  Task<std::unique_ptr<Stream>> open(std::uint64_t offset, std::uint64_t length) override {
    upstream_.requests.push_back({.offset = offset, .length = length, .by = by_});
    upstream_.changed_.notify();
    if (!upstream_.failures.empty()) {
      Error failure = std::move(upstream_.failures.front());
      upstream_.failures.pop_front();
      throw Error(std::move(failure));
    }
    std::uint64_t end = offset + length;
    if (upstream_.ignores_ranges) {
      offset = 0;
      end = upstream_.bytes_.size();
    }
    if (!upstream_.cuts.empty()) {
      end = upstream_.cuts.front();
      upstream_.cuts.pop_front();
    }
    co_return std::make_unique<Bytes>(upstream_, offset, end);
  }

 private:
  Upstream& upstream_;
  std::string by_;
};

class Upstream::Refused final : public Source {
 public:
  Refused(Upstream& upstream, std::string by, Error::Kind kind)
      : upstream_(upstream), by_(std::move(by)), kind_(kind) {}

  Task<std::unique_ptr<Stream>> open(std::uint64_t offset, std::uint64_t length) override {
    upstream_.requests.push_back({.offset = offset, .length = length, .by = by_});
    upstream_.changed_.notify();
    throw Error(kind_, "refused");
    co_return nullptr;
  }

 private:
  Upstream& upstream_;
  std::string by_;
  Error::Kind kind_;
};

Task<void> Upstream::until(std::function<bool()> is_so) {
  while (!is_so()) co_await changed_.wait();
}

std::unique_ptr<Source> Upstream::source(std::string by) {
  return std::make_unique<FromHere>(*this, std::move(by));
}

std::unique_ptr<Source> Upstream::refused_source(std::string by, Error::Kind kind) {
  return std::make_unique<Refused>(*this, std::move(by), kind);
}

}  // namespace hubcache::fill::test
