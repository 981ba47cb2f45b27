#include "integration/xet_fixture.h"

namespace hubcache::test {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kLongestChunk = 128UL * 1024;

std::size_t number_at(std::string_view bytes, std::size_t at) {
  std::size_t number = 0;
  for (std::size_t i = 3; i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

std::string span_text(const nlohmann::json& bytes) {
  return "bytes=" + bytes.at("start").dump() + "-" + bytes.at("end").dump();
}

}  // namespace

XetTest::XetTest() {
  config.xet = true;
  restart();
}

Answer XetTest::ask_token(const std::string& repo, const std::string& revision,
                          std::string_view caller) {
  const auto at = revision.empty() ? hub.sha(repo) : revision;
  const bool model = repo.find("datasets/") != 0;
  return get("/api/" + (model ? "models/" + repo : repo) + "/xet-read-token/" + at, caller);
}

std::string XetTest::token(const std::string& repo, std::string_view caller) {
  const auto answer = ask_token(repo, {}, caller);
  EXPECT_EQ(answer.status, 200) << answer.body;
  return answer.header("x-xet-access-token");
}

Answer XetTest::reconstruct(const std::string& token, const std::string& id, std::string_view range,
                            std::string_view route) {
  Fields fields;
  if (!range.empty()) fields.emplace_back("Range", std::string(range));
  return get("/_cas/" + std::string(route) + id, token, std::move(fields));
}

std::vector<XetTest::Xorb> XetTest::xorbs_of(const Answer& reconstruction) {
  std::vector<Xorb> xorbs;
  if (reconstruction.status != 200) return xorbs;
  const auto document = Json::parse(reconstruction.body);
  for (const auto& term : document.at("terms")) {
    const std::string hash = term.at("hash");
    const bool v2 = document.contains("xorbs");
    const auto& entry = document.at(v2 ? "xorbs" : "fetch_info").at(hash).at(0);
    const std::string url = entry.at("url");
    const auto path = url.find("/pulp/");
    EXPECT_EQ(url.substr(0, path), "http://127.0.0.1");
    xorbs.push_back(
        {.target = url.substr(path),
         .range = span_text(v2 ? entry.at("ranges").at(0).at("bytes") : entry.at("url_range")),
         .unpacked = term.at("unpacked_length")});
  }
  return xorbs;
}

std::optional<std::string> XetTest::unpack(const Answer& xorb) {
  if (xorb.status != 206 || !xorb.complete) return std::nullopt;
  const std::string_view bytes = xorb.body;
  std::string data;
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < kHeader || bytes[at] != 0 || bytes[at + 4] != 0) return std::nullopt;
    const auto size = number_at(bytes, at + 1);
    const bool good = size == number_at(bytes, at + 5) && size <= kLongestChunk &&
                      size <= bytes.size() - at - kHeader;
    if (!good) return std::nullopt;
    data += bytes.substr(at + kHeader, size);
    at += kHeader + size;
  }
  return data;
}

std::string XetTest::read(const std::string& token, const std::string& id, std::string_view range,
                          std::string_view route) {
  const auto reconstruction = reconstruct(token, id, range, route);
  if (reconstruction.status != 200) return {};
  std::string all;
  for (const auto& xorb : xorbs_of(reconstruction)) {
    const auto data = unpack(get_xorb(xorb));
    if (!data || data->size() != xorb.unpacked) return {};
    all += *data;
  }
  const std::size_t skip = Json::parse(reconstruction.body).at("offset_into_first_range");
  return all.substr(skip);
}

}  // namespace hubcache::test
