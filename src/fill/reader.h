#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

#include "hubcache/base/task.h"
#include "hubcache/fill/fills.h"
#include "hubcache/http/message.h"

#include "progress.h"

namespace hubcache::fill {

/// Holds a reader's seat, and gives it up when the reader goes: the fill, at `home`, hears of it.
class Ticket {
 public:
  Ticket() = default;
  Ticket(Executor home, std::shared_ptr<Progress> progress, std::shared_ptr<Seat> seat)
      : home_(std::move(home)), progress_(std::move(progress)), seat_(std::move(seat)) {}
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&&) noexcept = default;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() {
    if (!seat_) return;
    seat_->left = true;
    asio::post(*home_, [progress = std::move(progress_)] { progress->work().notify(); });
  }
  const std::shared_ptr<Seat>& seat() const noexcept { return seat_; }

 private:
  std::optional<Executor> home_;
  std::shared_ptr<Progress> progress_;
  std::shared_ptr<Seat> seat_;
};

/// The body of one request that follows a fill. Lives on the request's worker and asks the fill's
/// only when it has caught up; what it hands out is read from the staging's file.
class Reader final : public ReaderBody {
 public:
  Reader(Executor home, std::shared_ptr<Progress> progress, Ticket ticket,
         std::shared_ptr<const Fd> file, http::ByteRange range);

  std::optional<std::uint64_t> size() const override { return range_.length; }
  Task<http::Span> next() override;
  Task<Rest> rest() override;

 private:
  Executor home_;
  std::shared_ptr<Progress> progress_;
  Ticket ticket_;
  std::shared_ptr<const Fd> file_;
  http::ByteRange range_;
  std::uint64_t offset_;    // of the next byte to hand out
  std::uint64_t readable_;  // up to here, as far as is known here
};

}  // namespace hubcache::fill
