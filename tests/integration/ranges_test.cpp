// RFC 9110 section 14 on a file that is cold, being filled, stored, or known to come false.
#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

constexpr std::uint64_t kRangedSize = 3 * kMiB + 5;

struct Span {
  std::uint64_t offset;
  std::uint64_t length;
};

struct RangeCase {
  std::string range;
  int status;
  std::vector<Span> parts;  // what is sent; one is no multipart
};

std::string number(std::uint64_t value) { return std::to_string(value); }

/// The same for every state of the file.
const std::vector<RangeCase>& table() {
  static const std::vector<RangeCase> cases{
      {"0-0", 206, {{0, 1}}},
      {"100-199", 206, {{100, 100}}},
      {number(kMiB - 5) + "-" + number(kMiB + 4), 206, {{kMiB - 5, 10}}},
      {number(kRangedSize - 10) + "-" + number(kRangedSize + 10), 206, {{kRangedSize - 10, 10}}},
      {"0-99999999999999999999999", 206, {{0, kRangedSize}}},
      {"-100", 206, {{kRangedSize - 100, 100}}},
      {"-" + number(kRangedSize + 1), 206, {{0, kRangedSize}}},
      {"5-", 206, {{5, kRangedSize - 5}}},
      {number(kRangedSize - 1) + "-", 206, {{kRangedSize - 1, 1}}},
      {"0-9, 2000000-2000009 ,-10", 206, {{0, 10}, {2'000'000, 10}, {kRangedSize - 10, 10}}},
      {"2000000-2000009,0-9", 206, {{2'000'000, 10}, {0, 10}}},
      {"0-9,2000000-", 206, {{0, 10}, {2'000'000, kRangedSize - 2'000'000}}},
      {"0-1048575,1048576-1048585,1048500-1048590", 206, {{0, kMiB + 15}}},
      {"7-7," + number(kRangedSize) + "-", 206, {{7, 1}}},
      {number(kRangedSize) + "-", 416, {}},
      {"-0", 416, {}},
      {number(kRangedSize) + "-," + number(kRangedSize + 7) + "-", 416, {}},
      {"9-5", 200, {{0, kRangedSize}}},
      {"0-9,x", 200, {{0, kRangedSize}}}};
  return cases;
}

/// Takes a multipart/byteranges apart: each part's Content-Range, and its bytes.
std::vector<std::pair<std::string, std::string>> parts_of(const Answer& answer) {
  const std::string type = answer.header("content-type");
  const std::string mark = "\r\n--" + type.substr(type.find("boundary=") + 9);
  const std::string body = "\r\n" + answer.body;
  std::vector<std::pair<std::string, std::string>> parts;
  std::size_t at = body.find(mark);
  while (at != std::string::npos && body.substr(at + mark.size(), 4) != "--\r\n") {
    const auto begin = body.find("\r\n\r\n", at) + 4;
    const auto end = body.find(mark, begin);
    const auto range = body.find("Content-Range: ", at) + 15;
    parts.emplace_back(body.substr(range, body.find("\r\n", range) - range),
                       body.substr(begin, end - begin));
    at = end;
  }
  return parts;
}

class RangesTest : public ServerTest {
 protected:
  /// A file that nobody has asked for yet.
  std::string new_file() {
    const std::string name = "range" + number(++files) + ".bin";
    hub.add_file("org/model", name, Content::generated(kRangedSize, files), Storage::kLfs);
    clock.advance(std::chrono::minutes(2));  // so that the branch's new commit is seen
    return name;
  }

  Answer ask(const std::string& name, const std::string& range) {
    return get("/org/model/resolve/main/" + name, {}, {{"Range", "bytes=" + range}});
  }

  void check(const Answer& answer, const std::string& name, const RangeCase& c) {
    SCOPED_TRACE(name + " bytes=" + c.range);
    EXPECT_EQ(answer.status, c.status);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.header("accept-ranges"), "bytes");
    EXPECT_EQ(answer.header("etag"), '"' + hub.etag("org/model", name) + '"');
    const auto content_range = [](Span span) {
      return "bytes " + number(span.offset) + "-" + number(span.offset + span.length - 1) + "/" +
             number(kRangedSize);
    };
    if (c.parts.empty()) {
      EXPECT_EQ(answer.header("content-range"), "bytes */" + number(kRangedSize));
      EXPECT_EQ(answer.body, "");
      return;
    }
    if (c.parts.size() == 1) {
      const auto [offset, length] = c.parts.front();
      EXPECT_EQ(answer.header("content-range"), c.status == 206 ? content_range(c.parts[0]) : "");
      EXPECT_TRUE(answer.body == hub.bytes("org/model", name, offset, length));
      return;
    }
    EXPECT_EQ(answer.header("content-range"), "");
    const auto parts = parts_of(answer);
    ASSERT_EQ(parts.size(), c.parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].first, content_range(c.parts[i]));
      EXPECT_TRUE(parts[i].second ==
                  hub.bytes("org/model", name, c.parts[i].offset, c.parts[i].length));
    }
  }

  std::uint64_t files = 0;
};

TEST_F(RangesTest, OfAColdFile) {
  for (const RangeCase& c : table()) {
    const auto name = new_file();
    check(ask(name, c.range), name, c);
    EXPECT_LE(hub.body_bytes(Host::kCdn, name), kRangedSize) << c.range;
  }
}

TEST_F(RangesTest, OfAFileThatIsBeingFilled) {
  constexpr std::uint64_t kHeldFrom = 2 * kMiB;
  for (const RangeCase& c : table()) {
    const auto name = new_file();
    hub.set_fault(
        {.kind = Fault::Kind::kHold, .host = Host::kCdn, .match = name, .offset = kHeldFrom});
    const std::string path = "/org/model/resolve/main/" + name;
    auto whole = std::async(std::launch::async, [&] { return get(path); });
    while (hub.body_bytes(Host::kCdn, name) == 0) std::this_thread::yield();
    auto asked = std::async(std::launch::async, [&] { return ask(name, c.range); });
    const bool early = std::ranges::all_of(
        c.parts, [](Span part) { return part.offset + part.length <= kHeldFrom; });
    if (early) asked.wait();
    hub.release();
    check(asked.get(), name, c);
    EXPECT_TRUE(whole.get().body == hub.bytes("org/model", name));
    EXPECT_EQ(hub.body_bytes(Host::kCdn, name), kRangedSize) << c.range;
  }
}

TEST_F(RangesTest, OfAStoredFile) {
  const auto name = new_file();
  ASSERT_TRUE(get("/org/model/resolve/main/" + name).complete);
  wait_stored(1);
  hub.clear_log();
  for (const RangeCase& c : table()) check(ask(name, c.range), name, c);
  EXPECT_EQ(hub.count(Host::kCdn), 0u);
}

TEST_F(RangesTest, OfAFileThatIsPassedThrough) {
  const auto list = rest("GET", kRemotes).body;
  const auto at = list.find("\"pulp_href\":\"") + 13;
  const std::string href = list.substr(at, list.find('"', at) - at);
  ASSERT_EQ(rest("PATCH", href, R"({"policy":"streamed"})").status, 202);
  for (const RangeCase& c : table()) {
    const auto name = new_file();
    check(ask(name, c.range), name, c);
  }
  EXPECT_EQ(stored_blobs(), 0u);
}

// What could complete the start that somebody kept is refused (SECURITY 12).
TEST_F(RangesTest, OfAFileThatCameFalse) {
  const auto name = new_file();
  hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .match = name, .offset = 1000});
  ASSERT_TRUE(get("/org/model/resolve/main/" + name).reset);
  hub.clear_faults();
  const RangeCase several{"0-9,1999990-1999999", 206, {{0, 10}, {1'999'990, 10}}};
  EXPECT_EQ(ask(name, several.range).status, 503);
  EXPECT_EQ(ask(name, "1000000-").status, 503);
  ASSERT_TRUE(get("/org/model/resolve/main/" + name).complete);
  wait_stored(1);
  EXPECT_EQ(ask(name, several.range).status, 503);
  clock.advance(std::chrono::minutes(10));
  check(ask(name, several.range), name, several);
  EXPECT_EQ(ask(name, "1000000-").status, 503);
  const auto cut = ask(name, "0-9,1000000-");
  EXPECT_FALSE(cut.complete);
  EXPECT_TRUE(cut.reset);
  clock.advance(std::chrono::days(30));
  for (const RangeCase& c : table()) check(ask(name, c.range), name, c);
}

TEST_F(RangesTest, DeepInAColdFileOf60GbFetchTheirBlocksOnly) {
  constexpr std::uint64_t kDeep = 60'000'000'000;
  disk.say_free(2 * kDeep);
  config.storage.max_size = {.bytes = 2 * kDeep};
  restart();
  hub.commit("org/model", "main",
             {{.path = "deep.bin",
               .content = Content::sparse(kDeep),
               .storage = Storage::kLfs,
               .claimed_sha256 = std::string(64, 'd')}});
  const auto one = ask("deep.bin", "55000000000-55000000099");
  EXPECT_EQ(one.status, 206);
  EXPECT_EQ(one.body, std::string(100, '\0'));
  EXPECT_EQ(one.header("content-range"), "bytes 55000000000-55000000099/60000000000");
  EXPECT_LE(hub.body_bytes(Host::kCdn), kMiB);

  hub.clear_log();
  const auto several = ask("deep.bin", "20000000000-20000000009,40000000000-40000000009,-10");
  ASSERT_EQ(several.status, 206);
  const auto parts = parts_of(several);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[2].first, "bytes 59999999990-59999999999/60000000000");
  EXPECT_EQ(parts[2].second, std::string(10, '\0'));
  EXPECT_LE(hub.body_bytes(Host::kCdn), 3 * kMiB);

  hub.clear_log();
  EXPECT_EQ(ask("deep.bin", "40000000000-40000000009").body, std::string(10, '\0'));
  EXPECT_EQ(hub.body_bytes(Host::kCdn), 0u);
}

TEST_F(RangesTest, TooManyAreRefusedBeforeTheHubIsAskedForBytes) {
  const auto name = new_file();
  std::string many = "0-0";
  for (std::uint64_t i = 1; i < 100; ++i)
    many += "," + number(i * 10'000) + "-" + number(i * 10'000);
  const auto answer = ask(name, many);
  EXPECT_EQ(answer.status, 416);
  EXPECT_EQ(answer.header("content-range"), "bytes */" + number(kRangedSize));
  EXPECT_EQ(hub.body_bytes(Host::kCdn), 0u);
}

TEST_F(RangesTest, AreForGetAlone) {
  const std::string path = "/org/model/resolve/main/" + new_file();
  const auto answer = head(path, {}, {{"Range", "bytes=0-9,100000-100009"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-length"), number(kRangedSize));
  EXPECT_EQ(answer.header("content-range"), "");
}

TEST_F(RangesTest, ApplyOnlyWhileIfRangeHolds) {
  const auto name = new_file();
  const std::string path = "/org/model/resolve/main/" + name;
  const std::string tag = '"' + hub.etag("org/model", name) + '"';
  for (int i = 0; i < 2; ++i) {  // cold, stored
    const auto status = [&](const std::string& condition) {
      return get(path, {}, {{"Range", "bytes=0-9,-10"}, {"If-Range", condition}}).status;
    };
    EXPECT_EQ(status(tag), 206);
    EXPECT_EQ(status("W/" + tag), 200);
    EXPECT_EQ(status("\"other\""), 200);
    EXPECT_EQ(status("Wed, 21 Oct 2015 07:28:00 GMT"), 200);
  }
}

TEST_F(RangesTest, ApplyOnlyWhileIfRangeHoldsAlsoToAFileThatIsBeingFilled) {
  const auto name = new_file();
  const std::string path = "/pulp/content/hf/org/model/resolve/main/" + name;
  const std::string tag = '"' + hub.etag("org/model", name) + '"';
  hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 2 * kMiB});
  std::promise<void> begun;
  auto whole = std::async(std::launch::async, [&] {
    return fetch(port, path, {}, "GET", {}, [&begun] { begun.set_value(); });
  });
  begun.get_future().wait();
  const std::string conditions[] = {tag, "W/" + tag, "\"other\""};
  std::promise<void> told[3];
  std::future<Answer> answers[3];
  for (std::size_t i = 0; i < 3; ++i) {
    answers[i] = std::async(std::launch::async, [&, i] {
      return fetch(port, path, {{"Range", "bytes=0-9"}, {"If-Range", conditions[i]}}, "GET", {},
                   [&told, i] { told[i].set_value(); });
    });
    told[i].get_future().wait();
  }
  hub.release();
  EXPECT_EQ(answers[0].get().body, hub.bytes("org/model", name, 0, 10));
  for (const std::size_t other : {1U, 2U}) {
    const auto answer = answers[other].get();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body == hub.bytes("org/model", name));
  }
  EXPECT_TRUE(whole.get().complete);
}

// contract/hub.md 1.6, 1.8: clients learn sizes from Content-Range alone, also of empty files.
TEST_F(RangesTest, OfAnEmptyFileAreTheEmptyFile) {
  const std::string path = "/org/model/resolve/main/empty.txt";
  for (const char* range : {"0-0", "0-", "-1", "0-0,5-9"}) {
    const auto answer = get(path, {}, {{"Range", "bytes=" + std::string(range)}});
    EXPECT_EQ(answer.status, 200) << range;
    EXPECT_TRUE(answer.complete) << range;
    EXPECT_EQ(answer.header("content-length"), "0") << range;
    EXPECT_EQ(answer.header("content-range"), "bytes */0") << range;
  }
  for (const auto& answer : {get(path), head(path, {}, {{"Range", "bytes=0-0"}})}) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("content-length"), "0");
    EXPECT_EQ(answer.header("content-range"), "");
  }
}

TEST_F(RangesTest, ConditionsComeBeforeThem) {
  const auto name = new_file();
  const std::string path = "/org/model/resolve/main/" + name;
  const std::string tag = '"' + hub.etag("org/model", name) + '"';
  const auto status = [&](const std::string& field, const std::string& tags) {
    const auto answer = get(path, {}, {{field, tags}, {"Range", "bytes=0-9"}});
    EXPECT_EQ(answer.header("etag"), tag);
    return answer.status;
  };
  EXPECT_EQ(status("If-None-Match", tag), 304);
  EXPECT_EQ(status("If-None-Match", "\"x\", W/" + tag), 304);
  EXPECT_EQ(status("If-None-Match", "*"), 304);
  EXPECT_EQ(status("If-None-Match", "\"x\""), 206);
  EXPECT_EQ(status("If-Match", "\"x\", " + tag), 206);
  EXPECT_EQ(status("If-Match", "*"), 206);
  EXPECT_EQ(status("If-Match", "W/" + tag), 412);
  EXPECT_EQ(status("If-Match", "\"x\""), 412);
  EXPECT_EQ(status("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), 206);
  EXPECT_EQ(status("If-Unmodified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"), 206);
  EXPECT_EQ(get(path).header("last-modified"), "");
}

}  // namespace
}  // namespace hubcache::test
