#include <exception>
#include <limits>
#include <utility>

#include "chunked.h"
#include "session.h"

// How a session writes the bodies that are no text.
namespace hubcache::http {
namespace {

using net::Io;

constexpr std::string_view kChunkEnd = "\r\n";

}  // namespace

std::string_view Session::read_small(const FileSpan& span) {
  if (span.length > kSmallFile) return {};
  const auto size = static_cast<std::size_t>(span.length);
  auto* const bytes = worker_->small_file.data();
  const bool all = net::read_resident(span.file->get(), bytes, size, span.offset) == size;
  return all ? std::string_view(bytes, size) : std::string_view();
}

Task<Io> Session::send_span(FileSpan span, std::string_view head) {
  const auto limit = worker_->limits.write_timeout;
  const int file = span.file->get();
  if (!head.empty()) {
    const Io status = co_await socket_.write(head, {}, limit, true);
    if (status != Io::kOk) co_return status;
  }
  const Io status = co_await socket_.send_file(file, span.offset, span.length, limit);
  if (status == Io::kShortFile && worker_->site.on_unreadable) worker_->site.on_unreadable(span);
  co_return status;
}

Task<Io> Session::send_source(SpanSource& source, bool chunked) {
  const auto size = source.size();
  std::uint64_t left = size.value_or(std::numeric_limits<std::uint64_t>::max());
  std::string_view before;  // what ends the chunk before this one
  bool first = true;
  while (left > 0) {
    std::exception_ptr failure;
    Span span;
    phase_ = Phase::kHandling;
    try {
      span = co_await source.next();
    } catch (...) {
      failure = std::current_exception();
    }
    phase_ = Phase::kWriting;
    if (gone_) co_return Io::kStopped;
    if (failure) {
      const Error error = Error::from(failure);
      worker_->log.warn("body_cut", {{"kind", name_of(error.kind())},
                                     {"message", error.what()},
                                     {"context", error.context()}});
      co_return Io::kStopped;
    }
    if (std::exchange(first, false)) first_byte_ = now();
    const auto length = length_of(span);
    if (length == 0 && !size) break;
    if (length == 0 || length > left) co_return Io::kShortFile;
    std::string& out = worker_->out;
    out.clear();
    if (chunked) append_chunk_head(out += before, length);
    const Io status = co_await send_bit(span, out);
    if (status != Io::kOk) co_return status;
    before = kChunkEnd;
    left -= length;
  }
  if (!chunked) co_return Io::kOk;
  std::string& out = worker_->out;
  out.clear();
  append_chunk_head(out += before, 0);
  co_return co_await socket_.write(out += kChunkEnd, {}, worker_->limits.write_timeout);
}

Task<Io> Session::send_bit(const Span& span, std::string_view head) {
  if (const auto* file = std::get_if<FileSpan>(&span)) co_return co_await send_span(*file, head);
  const auto bytes = std::get<std::span<const std::byte>>(span);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  co_return co_await socket_.write(head, text, worker_->limits.write_timeout);
}

}  // namespace hubcache::http
