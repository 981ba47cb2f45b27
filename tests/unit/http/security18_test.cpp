// SECURITY 18: what is ambiguous is refused before routing, and the connection ends.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server_fixture.h"

namespace hubcache::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Security18 = ServerTest;

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST_F(Security18, AmbiguousRequestsAreRefusedBeforeRouting) {
  serve();
  const std::string nul(1, '\0');
  const std::vector<std::string> requests{
      // Length of the body
      get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n",
      get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") + "0\r\n\r\n",
      get("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
      get("Transfer-Encoding: identity\r\n"),
      get("Transfer-Encoding: xchunked\r\n"),
      get("Transfer-Encoding: chunked, chunked\r\n"),
      get("Transfer-Encoding: \"chunked\"\r\n"),
      get("Transfer-Encoding:\r\n"),
      get("Content-Length: 3\r\nContent-Length: 4\r\n") + "abcd",
      get("Content-Length: 3, 4\r\n") + "abcd",
      get("Content-Length: +3\r\n") + "abc",
      get("Content-Length: -1\r\n"),
      get("Content-Length: 0x3\r\n") + "abc",
      get("Content-Length: 3 3\r\n") + "abc",
      get("Content-Length:\r\n"),
      get("Content-Length: 99999999999999999999999\r\n"),
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      // Lines and names
      get("X: a\r\n b\r\n"),
      get("X: a\r\n\tb\r\n"),
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      get("Transfer-Encoding : chunked\r\n"),
      get("X\r\n"),
      get(": empty\r\n"),
      get("X" + nul + ": a\r\n"),
      get("X: a" + nul + "b\r\n"),
      get("X\x01: a\r\n"),
      get("X: a\x7f\r\n"),
      get("X(: a\r\n"),
      get("X: a\rb\r\n"),
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\nX: b\r\n\r\n",
      // Host and Authorization
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
      get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
      get("Authorization: Bearer a\r\nauthorization: Bearer a\r\n"),
      // Request line
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /" + nul + " HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / http/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      // Absolute form
      "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://a:81/x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http:/x HTTP/1.1\r\nHost: a\r\n\r\n",
      // Expectation
      get("Expect: the-unexpected\r\n"),
  };
  for (const auto& request : requests) {
    auto client = connect();
    client.send(request);
    const auto answer = client.read_response();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << request;
    client.shut_down_write();
    EXPECT_EQ(client.read_to_end(), "") << request;
    EXPECT_TRUE(client.was_closed()) << request;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(Security18, MalformedChunksAreRefused) {
  serve();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body :
       {"x\r\n", "\r\n", "-1\r\n", "0x1\r\na\r\n", "1\na\r\n0\r\n\r\n", "1\r\nab\r\n", "1\r\na\n",
        "1\r\na\r0\r\n\r\n", "1111111111111111\r\n", "0\r\nX: a\nb\r\n\r\n", " 1\r\na\r\n"}) {
    auto client = connect();
    client.send(head + body);
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 400 ")) << body;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(Security18, WhatIsOnlyUnusualIsServed) {
  serve();
  const std::pair<std::string, std::string> cases[] = {
      {"\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a"},
      {"GET http://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y"},
      {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /"},
      {"GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?b"},
      {"GET /a%2Fb//c?d=%20 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /a%2Fb//c?d=%20"},
      {"GET / HTTP/1.1\r\nhost:a\r\nX:\r\nY: \t a \r\n\r\n", "GET /"},
      {"GET / HTTP/1.0\r\n\r\n", "GET /"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
       "3;x=y\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
       "POST /\nabc0123456789"},
  };
  for (const auto& [request, expected] : cases) {
    const auto answer = ask(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n")) << request;
    EXPECT_THAT(answer, HasSubstr("\r\n\r\n" + expected)) << request;
  }
}

}  // namespace
}  // namespace hubcache::http
