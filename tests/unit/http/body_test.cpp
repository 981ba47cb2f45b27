#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hubcache/base/fd.h"

#include "server_fixture.h"

namespace hubcache::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(std::size_t index) {
  return "GET /" + std::to_string(index) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
const std::string kGetSteps = get(0);

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

std::shared_ptr<const Fd> file_of(const std::string& content) {
  auto fd = std::make_shared<Fd>(::memfd_create("body", MFD_CLOEXEC));
  for (std::size_t at = 0; at < content.size();) {
    at += static_cast<std::size_t>(::write(fd->get(), content.data() + at, content.size() - at));
  }
  return fd;
}

/// Hands out the given spans, then fails, or ends.
class ScriptedSource : public SpanSource {
 public:
  ScriptedSource(std::optional<std::uint64_t> size, std::vector<Span> spans, bool fails = false)
      : size_(size), spans_(std::move(spans)), fails_(fails) {}
  std::optional<std::uint64_t> size() const override { return size_; }
  Task<Span> next() override {
    if (at_ < spans_.size()) co_return spans_[at_++];
    if (fails_) throw Error(Error::Kind::kCorrupt, "not what it should be");
    co_return Span(std::span<const std::byte>());
  }

 private:
  std::optional<std::uint64_t> size_;
  std::vector<Span> spans_;
  bool fails_;
  std::size_t at_ = 0;
};

Span bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

class BodyTest : public ServerTest {
 protected:
  /// Serves what `make` makes of the number in the path.
  template <typename F>
  void serve_bodies(F make) {
    handler = [make](Request request) -> Task<Response> {
      Response response;
      response.body = make(std::stoul(request.target.substr(1)));
      co_return response;
    };
    serve();
  }
};

TEST_F(BodyTest, TextOfAnySizeComesWhole) {
  const auto text = pattern(5'000'000);
  serve_bodies([=](std::size_t) { return Body(text); });
  auto client = connect();
  for (int i = 0; i < 2; ++i) {
    client.send(kGetSteps);
    const auto answer = client.read_response();
    EXPECT_TRUE(answer.ends_with(text));
  }
}

TEST_F(BodyTest, FileSpansOfAnySizeComeWhole) {
  const auto content = pattern(9'000'000);
  const auto file = file_of(content);
  const std::vector<std::pair<std::size_t, std::size_t>> cuts{
      {0, 1},         {5, 4096},      {0, 16 * 1024}, {17, 16 * 1024 + 1},
      {1, 8'999'999}, {8'999'999, 1}, {3, 0}};
  serve_bodies([=](std::size_t i) { return Body(FileSpan{file, cuts[i].first, cuts[i].second}); });
  auto client = connect();
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const auto [offset, length] = cuts[i];
    client.send(get(i));
    const auto head = client.read_head();
    EXPECT_THAT(head, HasSubstr("Content-Length: " + std::to_string(length) + "\r\n"));
    EXPECT_TRUE(client.read_body(length) == content.substr(offset, length)) << offset;
  }
}

TEST_F(BodyTest, SmallOnesComeWholeToWhoReadsNoneAtFirst) {
  constexpr std::size_t kMany = 600;  // more than the kernel takes for who does not read
  const auto content = pattern(16 * 1024);
  const auto file = file_of(content);
  serve_bodies([=](std::size_t i) { return Body(FileSpan{file, i, content.size() - i}); });
  const auto is_head = [](std::size_t i) { return i % 5 == 4; };
  std::string requests;
  for (std::size_t i = 0; i < kMany; ++i) {
    requests += is_head(i) ? "HEAD" + get(i).substr(3) : get(i);
  }
  auto client = connect(4096);
  client.send(requests);
  for (std::size_t i = 0; i < kMany; ++i) {
    ASSERT_THAT(client.read_head(), StartsWith("HTTP/1.1 200 OK\r\n")) << i;
    if (!is_head(i)) ASSERT_TRUE(client.read_body(content.size() - i) == content.substr(i)) << i;
  }
}

TEST_F(BodyTest, AFileShorterThanItsSpanResetsTheConnection) {
  const auto file = file_of("short");
  const std::vector<std::uint64_t> lengths{100, 100'000};
  serve_bodies([=](std::size_t i) { return Body(FileSpan{file, 0, lengths[i]}); });
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    auto client = connect();
    client.send(get(i));
    client.read_to_end();
    EXPECT_TRUE(client.was_reset());
  }
}

TEST_F(BodyTest, ASourceMixesBytesAndFileSpans) {
  const auto content = pattern(100'000);
  const auto file = file_of(content);
  const std::string text = "some text";
  serve_bodies([=](std::size_t) {
    std::vector<Span> spans{bytes_of(text), FileSpan{file, 10, 50'000}, bytes_of(text),
                            FileSpan{file, 0, 3}};
    return Body(std::make_unique<ScriptedSource>(50'021, std::move(spans)));
  });
  auto client = connect();
  client.send(kGetSteps + kGetSteps);
  const auto expected = text + content.substr(10, 50'000) + text + content.substr(0, 3);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n" + expected));
}

TEST_F(BodyTest, ASourceThatThrowsResetsTheConnection) {
  const auto text = pattern(1000);
  serve_bodies([=](std::size_t) {
    return Body(std::make_unique<ScriptedSource>(2000, std::vector<Span>{bytes_of(text)}, true));
  });
  auto client = connect();
  client.send(kGetSteps);
  EXPECT_THAT(client.read_head(), HasSubstr("Content-Length: 2000\r\n"));
  client.read_to_end();
  EXPECT_TRUE(client.was_reset());
  EXPECT_FALSE(client.was_closed());
}

TEST_F(BodyTest, ASourceThatEndsEarlyOrGivesTooMuchResetsTheConnection) {
  const auto text = pattern(1000);
  const std::vector<std::uint64_t> sizes{1001, 999};
  serve_bodies([=](std::size_t i) {
    return Body(std::make_unique<ScriptedSource>(sizes[i], std::vector<Span>{bytes_of(text)}));
  });
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    auto client = connect();
    client.send(get(i));
    client.read_to_end();
    EXPECT_TRUE(client.was_reset());
  }
}

TEST_F(BodyTest, ASourceOfUnknownSizeComesInChunks) {
  const auto content = pattern(100'000);
  const auto file = file_of(content);
  const std::string text = "some text";
  serve_bodies([=](std::size_t i) {
    std::vector<Span> spans;
    if (i == 0) spans = {bytes_of(text), FileSpan{file, 10, 70'000}, FileSpan{file, 0, 3}};
    return Body(std::make_unique<ScriptedSource>(std::nullopt, std::move(spans)));
  });
  auto client = connect();
  client.send(get(0) + get(1) + get(0));
  const auto expected = "9\r\n" + text + "\r\n11170\r\n" + content.substr(10, 70'000) +
                        "\r\n3\r\n" + content.substr(0, 3) + "\r\n0\r\n\r\n";
  for (const auto& body : {expected, std::string("0\r\n\r\n"), expected}) {
    const auto head = client.read_head();
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    EXPECT_TRUE(client.read_body(body.size()) == body);
  }
}

TEST_F(BodyTest, ASourceOfUnknownSizeEndsWithTheConnectionOfHttp10) {
  const std::string text = "some text";
  serve_bodies([=](std::size_t i) {
    std::vector<Span> spans{bytes_of(text)};
    return Body(std::make_unique<ScriptedSource>(std::nullopt, std::move(spans), i == 1));
  });
  auto client = connect();
  client.send("GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto head = client.read_head();
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_EQ(client.read_to_end(), text);
  EXPECT_TRUE(client.was_closed());

  auto other = connect();
  other.send("GET /1 HTTP/1.0\r\n\r\n");
  other.read_to_end();
  EXPECT_TRUE(other.was_reset());
}

TEST_F(BodyTest, ASourceOfUnknownSizeThatThrowsIsNotEnded) {
  const std::string text = "some text";
  serve_bodies([=](std::size_t) {
    std::vector<Span> spans{bytes_of(text)};
    return Body(std::make_unique<ScriptedSource>(std::nullopt, std::move(spans), true));
  });
  auto client = connect();
  client.send(kGetSteps);
  EXPECT_THAT(client.read_to_end(), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(client.was_reset());
}

TEST_F(BodyTest, HeadOfASourceAsksItForNothing) {
  serve_bodies([](std::size_t) {
    return Body(std::make_unique<ScriptedSource>(77, std::vector<Span>{}, true));
  });
  auto client = connect();
  client.send("HEAD /0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_head(), HasSubstr("Content-Length: 77\r\n"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.was_closed());
}

}  // namespace
}  // namespace hubcache::http
