// SECURITY rules 12 to 23: nothing false is completed, nobody is tricked, nothing lies about.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "integration/fixture.h"

namespace hubcache::test {
namespace {

using hubsim::Content;
using hubsim::Fault;
using hubsim::Host;
using hubsim::Storage;

class SecurityTruthTest : public ServerTest {
 protected:
  void flip_a_byte() {
    hub.set_fault({.kind = Fault::Kind::kFlip, .host = Host::kCdn, .offset = 1000});
  }
  std::string content() { return hub.bytes("org/model", "model.safetensors"); }
  static std::string range_of(std::uint64_t begin, std::uint64_t end) {
    return "bytes=" + std::to_string(begin) + "-" + std::to_string(end - 1);
  }
};

TEST_F(SecurityTruthTest, Rule12AFalseFileIsResetAndItsResumeRefused) {
  flip_a_byte();
  const auto cut = get(kBig);
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.complete);
  EXPECT_TRUE(cut.reset);
  EXPECT_EQ(stored_blobs(), 0u);

  const auto resume = get(kBig, {}, {{"Range", "bytes=1048576-"}});
  EXPECT_EQ(resume.status, 503);
  EXPECT_NE(resume.header("retry-after"), "");
  restart();  // the memory of it is durable
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 503);

  hub.clear_faults();
  const auto fresh = get(kBig);
  EXPECT_TRUE(fresh.complete);
  EXPECT_EQ(fresh.body, content());
}

TEST_F(SecurityTruthTest, Rule12ItIsRefusedForThirtyDaysThoughTheFileIsRightByThen) {
  flip_a_byte();
  EXPECT_FALSE(get(kBig).complete);
  hub.clear_faults();
  EXPECT_EQ(get(kBig).body, content());
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 503);
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=0-"}}).body, content());
  EXPECT_EQ(head(kBig).status, 200);
  clock.advance(std::chrono::days(30) - std::chrono::minutes(1));
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 503);
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 206);
}

TEST_F(SecurityTruthTest, Rule12ClosedRangesAreRefusedForAWhile) {
  flip_a_byte();
  EXPECT_FALSE(get(kBig).complete);
  const Fields part{{"Range", "bytes=2097152-2097161"}};
  EXPECT_EQ(get(kBig, {}, part).status, 503);
  hub.clear_faults();
  EXPECT_EQ(get(kBig).body, content());
  EXPECT_EQ(get(kBig, {}, part).status, 503);
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=0-0"}}).status, 206);
  clock.advance(std::chrono::minutes(10));
  EXPECT_EQ(get(kBig, {}, part).body, content().substr(2097152, 10));
}

TEST_F(SecurityTruthTest, Rule12ClosedRangesDoNotAddUpToAFalseFile) {
  flip_a_byte();
  const auto size = hub.size("org/model", "model.safetensors");
  constexpr std::uint64_t kStep = 1'000'000;
  std::uint64_t got = 0;
  for (std::uint64_t end = size; end > 0; end -= std::min(end, kStep)) {
    const auto begin = end - std::min(end, kStep);
    const auto part = get(kBig, {}, {{"Range", range_of(begin, end)}});
    if (part.status == 206) got += part.body.size();
  }
  EXPECT_GT(got, size - 3 * kStep);
  EXPECT_LT(got, size);
  EXPECT_EQ(get(kBig, {}, {{"Range", range_of(0, 10)}}).status, 503);
}

TEST_F(SecurityTruthTest, Rule12ALongClosedRangeWithTheLastByteCountsAsReadingToTheEnd) {
  flip_a_byte();
  const auto size = hub.size("org/model", "model.safetensors");
  EXPECT_FALSE(get(kBig, {}, {{"Range", range_of(0, size)}}).complete);
}

TEST_F(SecurityTruthTest, Rule12AStreamedFalseFileIsResetAndItsResumeRefused) {
  const auto list = rest("GET", kRemotes).body;
  const auto at = list.find("\"pulp_href\":\"") + 13;
  const std::string href = list.substr(at, list.find('"', at) - at);
  ASSERT_EQ(rest("PATCH", href, R"({"policy":"streamed"})").status, 202);
  flip_a_byte();
  const auto cut = get(kBig);
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.complete);
  EXPECT_TRUE(cut.reset);
  hub.clear_faults();
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 503);
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-1048577"}}).status, 503);
  EXPECT_EQ(get(kBig).body, content());
}

// Clients find what they have begun by its digest, whatever repo it was of: huggingface_hub does in
// a folder that it downloads to.
TEST_F(SecurityTruthTest, Rule12AFalseFileOfOneRepoIsNotCompletedByAnother) {
  hub.add_repo({.id = "evil/thief"});
  hub.add_file("evil/thief", "model.safetensors",
               Content::generated(hub.size("org/model", "model.safetensors"), 4711), Storage::kLfs);
  hub.set_fault(
      {.kind = Fault::Kind::kHeader,
       .match = "evil/thief/resolve",
       .headers = {{"X-Linked-ETag", '"' + hub.etag("org/model", "model.safetensors") + '"'}}});
  const auto cut = get("/evil/thief/resolve/main/model.safetensors");
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.complete);
  EXPECT_EQ(get(kBig, {}, {{"Range", "bytes=1048576-"}}).status, 503);
  EXPECT_EQ(get(kBig).body, content());
}

TEST_F(SecurityTruthTest, Rule12WhoAsksForADigestCanCheckWhatItHas) {
  const Fields wants{{"Want-Digest", "SHA-256"}};
  const Fields wants_of_a_part{{"Want-Digest", "SHA-256"}, {"Range", "bytes=5-9"}};
  // What `openssl dgst -sha256 -binary model.safetensors | base64` prints.
  const std::string digest = "SHA-256=bpM6Gk4WhGYYVsgk4wmktkYl2rCFFlzMcPM5DF6D/PM=";
  EXPECT_EQ(get(kBig, {}, wants).header("digest"), digest);
  EXPECT_EQ(get(kBig, {}, wants_of_a_part).header("digest"), digest);
  EXPECT_EQ(get(kBig).header("digest"), "");
  EXPECT_EQ(get("/org/model/resolve/main/config.json", {}, wants).header("digest"), "");
}

TEST_F(SecurityTruthTest, Rule16ATokenChangeIsANewEpoch) {
  const std::string file = "/pulp/content/hf/org/private/resolve/main/config.json";
  const auto list = rest("GET", kRemotes).body;
  const auto at = list.find("\"pulp_href\":\"") + 13;
  const std::string href = list.substr(at, list.find('"', at) - at);
  ASSERT_EQ(rest("PATCH", href, R"({"hf_token":"hf_good"})").status, 202);
  EXPECT_EQ(fetch(port, file).status, 200);
  ASSERT_EQ(rest("PATCH", href, R"({"hf_token":null})").status, 202);
  EXPECT_EQ(fetch(port, file).status, 401);
}

TEST_F(SecurityTruthTest, Rule17ARedirectToAnotherHostNeverCarriesTheToken) {
  ASSERT_EQ(get("/org/gated/resolve/main/model.safetensors", "hf_good").status, 200);
  EXPECT_EQ(hub.cdn_authorizations(), 0u);
  EXPECT_GT(hub.count(Host::kCdn), 0u);
}

TEST_F(SecurityTruthTest, Rule17AnswersThatLeadInCirclesAreRefused) {
  hub.set_fault({.kind = Fault::Kind::kStatus,
                 .match = "circle",
                 .status = 307,
                 .headers = {{"Location", "/org/model/resolve/main/circle"}}});
  EXPECT_EQ(get("/org/model/resolve/main/circle").status, 502);
}

TEST_F(SecurityTruthTest, Rule17ARequestThatCameFromOurselvesIsRefused) {
  ASSERT_EQ(get("/org/model/resolve/main/config.json").status, 200);
  std::string via;
  for (const auto& request : hub.log()) {
    if (!request.header("via").empty()) via = request.header("via");
  }
  ASSERT_FALSE(via.empty());
  EXPECT_EQ(get("/org/model/resolve/main/README.md", {}, {{"Via", via}}).status, 508);
  EXPECT_EQ(get("/org/model/resolve/main/README.md", {}, {{"Via", "1.1 other"}}).status, 200);
}

TEST_F(SecurityTruthTest, Rule18AmbiguousRequestsAreRefusedBeforeRouting) {
  hub.clear_log();
  for (const std::string_view fields :
       {"Host: a\r\nHost: b\r\n", "",
        "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "Host: a\r\nTransfer-Encoding: gzip\r\n", "Host: a\r\nX: 1\r\n folded\r\n",
        "Host: a\r\nX : 1\r\n", "Host: a\r\nContent-Length: +1\r\n"}) {
    const std::string request =
        "GET /pulp/content/hf/org/model/resolve/main/config.json HTTP/1.1\r\n" +
        std::string(fields) + "\r\n";
    EXPECT_EQ(send_raw(port, request).status, 400) << fields;
  }
  EXPECT_EQ(send_raw(port, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status,
            400);
  EXPECT_EQ(hub_requests(), 0u);
}

TEST_F(SecurityTruthTest, Rule22FailedLoginsAreLimitedBeforeHashing) {
  int refused = 0;
  for (int i = 0; i < 60 && refused == 0; ++i) {
    const auto answer = fetch(port, kRemotes, {{"Authorization", "Basic YWRtaW46d3Jvbmc="}});
    if (answer.status == 429) ++refused;
  }
  EXPECT_EQ(refused, 1);
}

TEST_F(SecurityTruthTest, Rule22NoLoginIsNeededForContent) {
  for (int i = 0; i < 60; ++i) {  // more than are hashed for one address
    const auto answer = fetch(port, "/pulp/content/hf/org/model/resolve/main/config.json",
                              {{"Authorization", "Basic bm9ib2R5Ondyb25n"}});
    ASSERT_EQ(answer.status, 200);
  }
  EXPECT_EQ(rest("GET", kRemotes).status, 200);  // none of them counted as a login
}

TEST_F(SecurityTruthTest, Rule23WhatLiesOnDiskIsForTheOwnerAloneAndHoldsNoSecret) {
  ASSERT_EQ(rest("POST", kRemotes,
                 R"({"name":"s","url":"https://huggingface.co","hf_token":"hf_atrest","username":)"
                 R"("u","password":"pw-at-rest"})")
                .status,
            201);
  ASSERT_EQ(get("/org/gated/resolve/main/model.safetensors", "hf_good").status, 200);
  stop();
  for (const auto& item : std::filesystem::recursive_directory_iterator(data.path())) {
    struct stat about{};
    ASSERT_EQ(::stat(item.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 077U, 0U) << item.path();
    if (!item.is_regular_file()) continue;
    std::ifstream file(item.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    for (const std::string_view secret : {"hf_atrest", "pw-at-rest", "hf_good"}) {
      EXPECT_EQ(content.find(secret), std::string::npos) << item.path();
    }
  }
}

}  // namespace
}  // namespace hubcache::test
