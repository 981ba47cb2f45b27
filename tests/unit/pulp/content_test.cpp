#include <gtest/gtest.h>

#include "hubcache/catalog/entries.h"

#include "fixture.h"

namespace hubcache::pulp {
namespace {

const std::string kContents = "/pulp/api/v3/content/hugging_face/hugging-face/";

class PulpContentTest : public PulpTest {
 protected:
  /// The catalog and the store know a file of the first remote: the key of its entry.
  std::string have(const std::string& path) {
    const auto scope = snapshot()->distributions().front().remote.value() + "/1";
    const auto key = scope + "\nmodel/org/name\n" + std::string(40, 'a') + "\n" + path;
    const auto etag = std::string(64, 'b');
    auto work = [key, etag](db::Connection& sql) {
      sql.run(
          "INSERT INTO entries (key, present, etag, digest, size, lfs) VALUES (?1, 1, ?2, 1, 3, 1)",
          key, etag);
      sql.run(
          "INSERT OR IGNORE INTO blobs (digest, size, bytes_on_disk, created, last_used) "
          "VALUES (?1, 3, 3, 1, 1)",
          "sha256:" + etag);
    };
    database->write_now(work);
    return key;
  }
  std::string first() { return ask("GET", kContents).body["results"][0]["pulp_href"]; }
  std::int64_t kept_labels() {
    return database->read_now([](db::Connection& sql) {
      auto rows = sql.query("SELECT count(*) FROM content_labels");
      rows.step();
      return rows.integer(0);
    });
  }
};

TEST_F(PulpContentTest, ContentIsLabelledAndFoundByItsLabels) {
  have("config.json");
  const auto href = first();
  EXPECT_EQ(ask("GET", href).body["pulp_labels"], Json::object());
  const auto set = ask("POST", href + "set_label/", R"({"key":"env","value":"prod"})");
  EXPECT_EQ(set.status, 201);
  EXPECT_EQ(set.text, R"({"key":"env","value":"prod"})");
  EXPECT_EQ(ask("POST", href + "set_label/", R"({"key":"n","value":null})").status, 201);
  EXPECT_EQ(ask("GET", href).body["pulp_labels"].dump(), R"({"env":"prod","n":null})");
  for (const auto& list : {kContents, std::string("/pulp/api/v3/content/")}) {
    EXPECT_EQ(ask("GET", list + "?pulp_label_select=env=prod").body["count"], 1) << list;
    EXPECT_EQ(ask("GET", list + "?pulp_label_select=!env").body["count"], 0) << list;
  }
  const auto unset = ask("POST", href + "unset_label/", R"({"key":"env"})");
  EXPECT_EQ(unset.status, 201);
  EXPECT_EQ(unset.text, R"({"key":"env","value":"prod"})");
  EXPECT_EQ(ask("GET", href).body["pulp_labels"].dump(), R"({"n":null})");
  EXPECT_EQ(ask("POST", href + "unset_label/", R"({"key":"env"})").text,
            R"({"key":["Label 'env' is not set on the object."]})");
  EXPECT_EQ(ask("POST", href + "set_label/", R"({"key":"@","value":"x"})").status, 400);
  EXPECT_EQ(ask("POST", kContents + kZero + "/set_label/", R"({"key":"a","value":"b"})").status,
            404);
}

TEST_F(PulpContentTest, LabelsGoWithTheirContent) {
  const auto key = have("config.json");
  ask("POST", first() + "set_label/", R"({"key":"env","value":"prod"})");
  ASSERT_EQ(kept_labels(), 1);
  database->write_now([&](db::Connection& sql) { catalog::remove_entry(sql, key); });
  EXPECT_EQ(kept_labels(), 0);
  have("config.json");
  EXPECT_EQ(ask("GET", first()).body["pulp_labels"], Json::object());
}

}  // namespace
}  // namespace hubcache::pulp
