#include "hubcache/http/multipart.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hubcache/base/fd.h"

#include "server_fixture.h"
#include "support/run.h"

namespace hubcache::http {
namespace {

using testing::HasSubstr;

const std::string kGetRoot = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::size_t kSize = 100'000;

std::string content() {
  std::string text(kSize, '\0');
  for (std::size_t i = 0; i < kSize; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

/// The bytes of a range, a few at a time.
class PieceSource : public SpanSource {
 public:
  PieceSource(std::string text, std::uint64_t size) : text_(std::move(text)), size_(size) {}
  std::optional<std::uint64_t> size() const override { return size_; }
  Task<Span> next() override {
    const auto piece = std::as_bytes(std::span(text_)).subspan(at_);
    const auto taken = piece.first(std::min<std::size_t>(piece.size(), 1000));
    at_ += taken.size();
    co_return taken;
  }

 private:
  std::string text_;
  std::uint64_t size_;
  std::size_t at_ = 0;
};

class MultipartTest : public ServerTest {
 protected:
  MultipartTest() {
    auto fd = std::make_shared<Fd>(::memfd_create("whole", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd->get(), whole.data(), whole.size()), static_cast<ssize_t>(whole.size()));
    file = std::move(fd);
  }

  /// Serves the parts as file spans and sources by turns; counts what was opened, in order.
  void serve_parts(std::vector<ByteRange> parts) {
    handler = [this, parts](Request) -> Task<Response> {
      auto open = [this](RangePlan part) { return open_part(part.range); };
      const RangePlan plan{.status = 206, .parts = parts};
      co_return co_await with_body(text_response(206, "", "text/x-test"), plan, kSize,
                                   std::move(open));
    };
    serve();
  }

  Task<Body> open_part(ByteRange part) {
    const bool odd = note(part.offset) % 2 == 1;
    if (part.offset == fails_at) throw Error(Error::Kind::kUpstream, "no more");
    const std::uint64_t length = part.offset == short_at ? part.length - 1 : part.length;
    if (odd) co_return FileSpan{file, part.offset, length};
    co_return std::make_unique<PieceSource>(whole.substr(part.offset, length), length);
  }

  std::size_t note(std::uint64_t offset) {
    const std::lock_guard lock(mutex);
    opened.push_back(offset);
    return opened.size();
  }
  /// What was opened since the last call.
  std::vector<std::uint64_t> taken() {
    const std::lock_guard lock(mutex);
    return std::exchange(opened, {});
  }

  std::string whole = content();
  std::shared_ptr<const Fd> file;
  std::mutex mutex;  // the worker opens parts, the test looks
  std::vector<std::uint64_t> opened;
  std::uint64_t fails_at = kSize;
  std::uint64_t short_at = kSize;
};

TEST_F(MultipartTest, PartsComeFramedAsRfc9110Has) {
  serve_parts({{50'000, 20'000}, {0, 1}, {99'000, 1000}});
  auto client = connect();
  client.send(kGetRoot + kGetRoot);
  std::string last_boundary;
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.read_response();
    const auto head = answer.substr(0, answer.find("\r\n\r\n") + 4);
    EXPECT_THAT(head, HasSubstr("HTTP/1.1 206 "));
    const std::string type = "Content-Type: multipart/byteranges; boundary=";
    ASSERT_THAT(head, HasSubstr(type));
    auto boundary = head.substr(head.find(type) + type.size());
    boundary.resize(boundary.find("\r\n"));
    EXPECT_GE(boundary.size(), 16u);
    EXPECT_NE(boundary, last_boundary);
    last_boundary = boundary;
    const auto part = [&](const std::string& range, std::size_t offset, std::size_t length) {
      return "--" + boundary + "\r\nContent-Type: text/x-test\r\nContent-Range: bytes " + range +
             "/100000\r\n\r\n" + whole.substr(offset, length) + "\r\n";
    };
    const auto expected = part("50000-69999", 50'000, 20'000) + part("0-0", 0, 1) +
                          part("99000-99999", 99'000, 1000) + "--" + boundary + "--\r\n";
    EXPECT_TRUE(answer.substr(head.size()) == expected);
  }
}

TEST_F(MultipartTest, APartsHeaderIsSmallerThanItIsTakenFor) {
  test::Runner runner;
  const std::uint64_t most = UINT64_MAX / 2;
  const RangePlan plan{.status = 206, .parts = {{most - 2, 1}, {most - 1, 1}}};
  auto open = [](const RangePlan&) -> Task<Body> { co_return "x"; };
  const auto response =
      runner.run(with_body(text_response(206, "", "application/vnd.apache.parquet; charset=utf-8"),
                           plan, most, std::move(open)));
  EXPECT_LE(std::get<std::unique_ptr<SpanSource>>(response.body)->size(), 2 * kPartOverhead);
}

TEST_F(MultipartTest, APartIsOpenedWhenThoseBeforeItWereSent) {
  fails_at = 50'000;
  serve_parts({{0, 10}, {1000, 10}, {50'000, 10}, {60'000, 10}});
  auto client = connect();
  client.send(kGetRoot);
  client.read_head();
  const auto body = client.read_to_end();
  EXPECT_TRUE(client.was_reset());
  EXPECT_THAT(body, HasSubstr(whole.substr(1000, 10)));
  EXPECT_EQ(taken(), (std::vector<std::uint64_t>{0, 1000, 50'000}));
}

TEST_F(MultipartTest, AFirstPartThatFailsIsAnErrorOfItsOwn) {
  fails_at = 0;
  serve_parts({{0, 10}, {1000, 10}});
  EXPECT_THAT(ask(kGetRoot), HasSubstr("HTTP/1.1 502 "));
}

TEST_F(MultipartTest, APartThatIsTooShortResetsTheConnection) {
  for (const std::uint64_t offset : {0U, 1000U}) {
    short_at = offset;
    taken();
    if (!server) serve_parts({{0, 10}, {1000, 10}, {2000, 10}});
    auto client = connect();
    client.send(kGetRoot);
    client.read_to_end();
    EXPECT_TRUE(client.was_reset()) << offset;
  }
}

}  // namespace
}  // namespace hubcache::http
