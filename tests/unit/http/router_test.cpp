#include "hubcache/http/router.h"

#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "hubcache/http/status.h"

namespace hubcache::http {
namespace {

Handler named(std::string name) {
  return [name](Request) -> Task<Response> { co_return text_response(200, name); };
}

class RouterTest : public testing::Test {
 protected:
  std::string route(std::string target) {
    Request request;
    request.target = std::move(target);
    asio::io_context context(1);
    std::string body;
    asio::co_spawn(context.get_executor(), router(std::move(request)),
                   [&body](std::exception_ptr, Response response) {
                     body = std::get<std::string>(response.body);
                   });
    context.run();
    return body;
  }

  Router router = Router(named("fallback"))
                      .prefix("/pulp/", named("pulp"))
                      .prefix("/pulp/api/v3/", named("api"))
                      .prefix("/pulp/content/", named("content"))
                      .exact("/healthz", named("health"));
};

TEST_F(RouterTest, LongestPrefixOnWholeSegmentsWins) {
  EXPECT_EQ(route("/pulp/api/v3/status/"), "api");
  EXPECT_EQ(route("/pulp/content/hf/x?y=/healthz"), "content");
  EXPECT_EQ(route("/pulp/content"), "content");
  EXPECT_EQ(route("/pulp/content?x"), "content");
  EXPECT_EQ(route("/pulp/contents/x"), "pulp");
  EXPECT_EQ(route("/pulpit"), "fallback");
}

TEST_F(RouterTest, ExactPathsTakeNothingElse) {
  EXPECT_EQ(route("/healthz"), "health");
  EXPECT_EQ(route("/healthz?full"), "health");
  EXPECT_EQ(route("/healthz/"), "fallback");
  EXPECT_EQ(route("/healthzz"), "fallback");
}

TEST(Status, EveryKindHasAnErrorStatus) {
  EXPECT_EQ(status_of(Error::Kind::kUpstream), 502);
  EXPECT_EQ(status_of(Error::Kind::kUpstreamTimeout), 504);
  EXPECT_EQ(status_of(Error::Kind::kNoSpace), 503);
  EXPECT_EQ(status_of(Error::Kind::kLoop), 508);
  EXPECT_EQ(status_of(Error::Kind::kMisdirected), 421);
  EXPECT_EQ(status_of(Error::Kind::kInternal), 500);
}

}  // namespace
}  // namespace hubcache::http
