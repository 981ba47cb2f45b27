#include "hubcache/content/upstream_file.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace hubcache::content {
namespace {

constexpr std::size_t kChunk = 32UL * 1024;

class HubStream final : public fill::Stream {
 public:
  explicit HubStream(hub::FileStream stream) : stream_(std::move(stream)) {}
  std::uint64_t offset() const override { return stream_.offset; }
  Task<std::size_t> read(asio::mutable_buffer into) override { return stream_.response.read(into); }

 private:
  hub::FileStream stream_;
};

class HubSource final : public fill::Source {
 public:
  HubSource(hub::Hub& hub, UpstreamFile file) : hub_(hub), file_(std::move(file)) {}

  Task<std::unique_ptr<fill::Stream>> open(std::uint64_t offset, std::uint64_t length) override {
    auto stream = co_await hub_.open_file(file_.endpoint, file_.credential, file_.file,
                                          file_.location, file_.digest, offset, length);
    if (stream.size != 0 && stream.size != file_.size) {
      throw Error(Error::Kind::kCorrupt, "the file's size is not what the Hub said");
    }
    file_.location = stream.location;
    co_return std::make_unique<HubStream>(std::move(stream));
  }

 private:
  hub::Hub& hub_;
  UpstreamFile file_;
};

class RefusingSource final : public fill::Source {
 public:
  Task<std::unique_ptr<fill::Stream>> open(std::uint64_t /*offset*/,
                                           std::uint64_t /*length*/) override {
    throw Error(Error::Kind::kForbidden, "this reader brings no bytes");
    co_return nullptr;
  }
};

/// Hands out what it reads one chunk late, so that the last one can wait for the digest.
class PassThrough final : public http::SpanSource {
 public:
  PassThrough(fill::Slot slot, std::unique_ptr<fill::Stream> stream, store::Store& store,
              const UpstreamFile& file, http::ByteRange range, FileStart start)
      : slot_(std::move(slot)),
        stream_(std::move(stream)),
        store_(store),
        range_(range),
        skip_(range.offset - stream_->offset()) {
    const bool is_from_start = range.offset == 0 || start.is_read;
    if (file.digest && is_from_start) start.hash = Hasher(file.digest->algorithm(), file.size);
    if (file.digest && start.hash && range.end() == file.size) {
      check_ = Check{.origin = file.endpoint->origin_key(),
                     .digest = *file.digest,
                     .hasher = *std::move(start.hash),
                     .is_of_skipped = start.is_read};
    }
    for (auto& buffer : buffers_) buffer.resize(kChunk);
  }

  std::optional<std::uint64_t> size() const override { return range_.length; }

  Task<http::Span> next() override {
    if (held_ == 0) co_await read_ahead();
    const std::size_t ready = std::exchange(held_, 0);
    const auto& buffer = buffers_[current_];
    if (ready != 0) {
      current_ = 1 - current_;
      co_await read_ahead();
    }
    co_return std::as_bytes(std::span(buffer.data(), ready));
  }

 private:
  /// Of a file whose digest is known, read to its end by who has its start.
  struct Check {
    std::string origin;
    Digest digest;
    Hasher hasher;
    bool is_of_skipped;
  };

  /// Reads the chunk after the one that is handed out; checks the digest when it is the last.
  Task<> read_ahead() {
    if (taken_ == range_.length) co_return;
    auto& buffer = buffers_[current_];
    while (true) {
      const std::size_t count = co_await stream_->read(asio::buffer(buffer));
      if (count == 0) {
        throw Error(Error::Kind::kUpstream, "the Hub ended the file early");
      }
      const std::size_t skipped = std::min<std::uint64_t>(skip_, count);
      skip_ -= skipped;
      if (check_ && check_->is_of_skipped) {
        check_->hasher.update(std::as_bytes(std::span(buffer.data(), skipped)));
      }
      const std::size_t wanted = std::min<std::uint64_t>(count - skipped, range_.length - taken_);
      if (wanted == 0) continue;
      if (skipped != 0)
        std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(skipped), wanted, buffer.begin());
      held_ = wanted;
      break;
    }
    taken_ += held_;
    slot_.give_back();  // how fast the client reads is no reason for others not to begin
    if (check_) co_await go_on(*check_, {buffer.data(), held_});
  }

  // Durable before the reader is cut: it may resume at once (SECURITY 12).
  Task<> go_on(Check& check, std::span<const char> bytes) {
    check.hasher.update(std::as_bytes(bytes));
    if (taken_ < range_.length || check.hasher.finish() == check.digest) co_return;
    co_await store_.remember_bad(check.origin, check.digest);
    throw Error(Error::Kind::kCorrupt, "the Hub delivered bytes that are not what it says");
  }

  fill::Slot slot_;
  std::unique_ptr<fill::Stream> stream_;
  store::Store& store_;
  http::ByteRange range_;
  std::uint64_t skip_;       // bytes before the range, when upstream ignored it
  std::uint64_t taken_ = 0;  // bytes of the range read from upstream
  std::size_t held_ = 0;     // bytes in buffers_[current_], not handed out yet
  std::size_t current_ = 0;
  std::array<std::vector<char>, 2> buffers_;
  std::optional<Check> check_;
};

class FilledOrPassed final : public http::SpanSource {
 public:
  FilledOrPassed(std::unique_ptr<fill::ReaderBody> filled, hub::Hub& hub, fill::Fills& fills,
                 store::Store& store, UpstreamFile file, http::ByteRange range, obs::Log& log)
      : filled_(std::move(filled)),
        hub_(hub),
        fills_(fills),
        store_(store),
        file_(std::move(file)),
        range_(range),
        log_(log) {}

  std::optional<std::uint64_t> size() const override { return range_.length; }

  Task<http::Span> next() override {
    std::optional<Error> failure;
    if (!rest_) {
      try {
        co_return co_await filled_->next();
      } catch (const Error& error) {
        if (!is_of_disk(error.kind())) throw;
        failure = error;
      }
      log_.warn("the disk is full or fails, passing through",
                {{"digest", file_.digest->text()}, {"context", failure->context()}});
      rest_ = co_await filled_->rest();
      filled_.reset();
    }
    if (rest_->present.length > 0) co_return std::exchange(rest_->present, {});
    if (!passed_) {
      const http::ByteRange left{.offset = rest_->offset, .length = range_.end() - rest_->offset};
      passed_ = co_await pass_through(hub_, fills_, store_, file_, left,
                                      {.hash = std::move(rest_->hash)});
    }
    co_return co_await passed_->next();
  }

 private:
  std::unique_ptr<fill::ReaderBody> filled_;
  hub::Hub& hub_;
  fill::Fills& fills_;
  store::Store& store_;
  UpstreamFile file_;
  http::ByteRange range_;
  obs::Log& log_;
  std::optional<fill::Rest> rest_;  // once the fill cannot go on
  std::unique_ptr<http::SpanSource> passed_;
};

}  // namespace

std::unique_ptr<fill::Source> make_source(hub::Hub& hub, UpstreamFile file) {
  return std::make_unique<HubSource>(hub, std::move(file));
}

std::unique_ptr<fill::Source> make_refusing_source() { return std::make_unique<RefusingSource>(); }

fill::RemoteLimit limit_of(const hub::Endpoint& endpoint) {
  const int most = std::max(endpoint.download_concurrency, 0);
  return {.id = endpoint.remote, .most = static_cast<std::size_t>(most)};
}

Task<std::unique_ptr<http::SpanSource>> pass_through(hub::Hub& hub, fill::Fills& fills,
                                                     store::Store& store, UpstreamFile file,
                                                     http::ByteRange range, FileStart start) {
  auto slot = co_await fills.slot_to_pass(limit_of(*file.endpoint));
  HubSource source(hub, file);
  const auto begin = start.is_read ? 0 : range.offset;
  auto stream = co_await source.open(begin, range.end() - begin);
  co_return std::make_unique<PassThrough>(std::move(slot), std::move(stream), store, file, range,
                                          std::move(start));
}

std::unique_ptr<http::SpanSource> filled_or_passed(std::unique_ptr<fill::ReaderBody> filled,
                                                   hub::Hub& hub, fill::Fills& fills,
                                                   store::Store& store, UpstreamFile file,
                                                   http::ByteRange range, obs::Log& log) {
  return std::make_unique<FilledOrPassed>(std::move(filled), hub, fills, store, std::move(file),
                                          range, log);
}

}  // namespace hubcache::content
