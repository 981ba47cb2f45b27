// Clients that behave badly, each against the whole server: what they are told, and that nobody
// else notices.
#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include "integration/fixture.h"
#include "support/matrix.h"

namespace hubcache::test {
namespace {

using hubsim::Fault;
using hubsim::Host;

const std::string kContent = "/pulp/content/hf";
const std::string kBigPath(kBig);
const std::string kSmall(kConfig);

std::string request(const std::string& path, const std::string& fields = {},
                    const std::string& method = "GET") {
  return method + " " + kContent + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields + "\r\n";
}

void say(const Fd& to, std::string_view text) {
  ::send(to.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

/// All that comes until the connection ends.
std::string hear(const Fd& from) {
  std::string text;
  std::vector<char> buffer(65'536);
  while (true) {
    const auto count = ::recv(from.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::size_t answers_in(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find("HTTP/1.1 "); at != std::string_view::npos;
       at = text.find("HTTP/1.1 ", at + 1)) {
    ++count;
  }
  return count;
}

class ClientFaults;

struct Client {
  std::string name;
  std::function<void(ClientFaults&)> act;
};

class ClientFaults : public ServerTest, public testing::WithParamInterface<Client> {
 public:
  Fd connect() { return connect_to(port); }
  std::string exchange(std::string_view text) {
    const Fd connection = connect();
    say(connection, text);
    return hear(connection);
  }
  std::string bytes(const std::string& path) {
    return hub.bytes("org/model", path.substr(path.rfind('/') + 1));
  }
  void expect_one_refusal(std::string_view text, std::initializer_list<int> statuses) {
    hub.clear_log();
    const auto answer = exchange(text);
    const auto shown = text.substr(0, 200);
    ASSERT_GE(answer.size(), 12U) << shown;
    const int status = std::stoi(answer.substr(9, 3));
    EXPECT_NE(std::ranges::find(statuses, status), statuses.end()) << status << "\n" << shown;
    EXPECT_EQ(answers_in(answer), 1U) << shown;
    EXPECT_EQ(hub_requests(), 0U) << shown;
  }
  std::string download(const std::string& path) { return get(path).body; }
  void hold_file() {
    hub.set_fault({.kind = Fault::Kind::kHold, .host = Host::kCdn, .offset = 4 * kMiB});
  }
  void await_bytes() {
    while (hub.body_bytes(Host::kCdn) < 4 * kMiB) std::this_thread::yield();
  }
  hubsim::Hub& upstream() { return hub; }
  std::size_t blobs() const { return stored_blobs(); }
  void await_blobs(std::size_t count) const { wait_stored(count); }
};

std::vector<Client> clients() {
  return {
      {"reads nothing",
       [](ClientFaults& test) {
         const Fd slow = test.connect();
         say(slow, request(kBigPath, "Connection: close\r\n"));
         EXPECT_TRUE(test.download(kBigPath) == test.bytes(kBigPath));
         // And gets it all when it does read.
         EXPECT_TRUE(hear(slow).ends_with(test.bytes(kBigPath)));
       }},
      {"closes its half",
       [](ClientFaults& test) {
         // Where the Hub has to be waited for, it would count as gone.
         test.download(kBigPath);
         test.await_blobs(1);
         for (int worker = 0; worker < 2; ++worker) test.download(kBigPath);
         const Fd half = test.connect();
         say(half, request(kBigPath));
         ::shutdown(half.get(), SHUT_WR);
         EXPECT_TRUE(hear(half).ends_with(test.bytes(kBigPath)));
       }},
      {"vanishes in mid-download",
       [](ClientFaults& test) {
         test.hold_file();
         {
           const Fd gone = test.connect();
           say(gone, request(kBigPath));
           test.await_bytes();
         }
         test.upstream().release();
         test.await_blobs(1);  // the fill goes on
       }},
      {"vanishes before it is answered",
       [](ClientFaults& test) {
         for (int i = 0; i < 20; ++i) say(test.connect(), request(kSmall));
       }},
      {"sends half a request", [](ClientFaults& test) { say(test.connect(), "GET /pulp/con"); }},
      {"pipelines",
       [](ClientFaults& test) {
         const auto answer =
             test.exchange(request(kSmall) + request(kBigPath) + request(kSmall, {}, "HEAD") +
                           request(kSmall, "Connection: close\r\n"));
         const auto small = test.bytes(kSmall);
         EXPECT_EQ(answers_in(answer), 4U);
         EXPECT_TRUE(answer.ends_with("\r\n\r\n" + small));
         EXPECT_NE(answer.find("\r\n\r\n" + small + "HTTP/1.1 200"), std::string::npos);
         EXPECT_NE(answer.find(test.bytes(kBigPath) + "HTTP/1.1 200"), std::string::npos);
       }},
      {"smuggles",
       [](ClientFaults& test) {
         const std::string hidden = request(kSmall);
         for (const std::string& fields : std::vector<std::string>{
                  "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                  "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, gzip\r\n",
                  "Transfer-Encoding:\x0b"
                  "chunked\r\n",
                  "Content-Length: 0\r\nContent-Length: 5\r\n", "Content-Length: 0x10\r\n",
                  "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
                  "X: a\r\n b\r\n", "X : a\r\n", ": a\r\n", std::string("X: a\0b\r\n", 8)}) {
           test.expect_one_refusal(request(kSmall, fields) + hidden, {400, 413});
         }
         test.expect_one_refusal("GET " + kContent + kSmall + " HTTP/1.1\r\n\r\n" + hidden, {400});
         test.expect_one_refusal("GET  / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + hidden, {400});
         test.expect_one_refusal("GET / HTTP/1.1\rHost: 127.0.0.1\r\n\r\n" + hidden, {400});
       }},
      {"sends too much of everything",
       [](ClientFaults& test) {
         const std::string long_text(100'000, 'a');
         test.expect_one_refusal("GET /" + long_text + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                 {414, 431});
         test.expect_one_refusal(request(kSmall, "X: " + long_text + "\r\n"), {431});
         std::string many;
         for (int i = 0; i < 5'000; ++i) many += "X" + std::to_string(i) + ": 1\r\n";
         test.expect_one_refusal(request(kSmall, many), {431});
         test.expect_one_refusal(long_text + " / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                 {400, 414, 431});
         test.expect_one_refusal(
             "POST /pulp/api/v3/users/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "
             "999999999\r\n\r\n",
             {413, 401});
         test.expect_one_refusal(
             request("/" + std::string(3'000, '/') + "x", "Connection: close\r\n"), {400, 404});
       }},
      {"asks for too many ranges",
       [](ClientFaults& test) {
         std::string ranges = "0-0";
         for (int i = 1; i < 1'000; ++i)
           ranges += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
         const auto answer =
             test.exchange(request(kSmall, "Connection: close\r\nRange: bytes=" + ranges + "\r\n"));
         const int status = std::stoi(answer.substr(9, 3));
         EXPECT_TRUE(status == 200 || status == 416 || status == 400) << status;
         if (status == 200) EXPECT_TRUE(answer.ends_with(test.bytes(kSmall)));
       }},
  };
}

TEST_P(ClientFaults, AreAnsweredAndNobodyElseNotices) {
  GetParam().act(*this);
  for (const auto& path : {kSmall, kBigPath}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_TRUE(answer.body == bytes(path));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, ClientFaults, testing::ValuesIn(clients()),
                         [](const testing::TestParamInfo<Client>& row) {
                           return test_name(row.param.name);
                         });

}  // namespace
}  // namespace hubcache::test
