// What is cached, as Pulp's content and artifacts: a row for each entry of the Hub whose bytes are
// stored, and one for each stored blob. Both follow from the tables of catalog and store.
#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "hubcache/base/digest.h"
#include "hubcache/catalog/entries.h"
#include "hubcache/hub/types.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/stamps.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Filter;
using rest::Json;
using rest::Row;

constexpr const char* kEntry = "$entry";  // of a content: the key it has in the catalog
constexpr std::int64_t kMicros = 1'000'000;
constexpr std::uint64_t kLargestToHash = 16ULL << 20U;  // what a read of one artifact may cost

struct StoredBlob {
  std::uint64_t size = 0;
  std::int64_t created = 0;  // microseconds, as these
  std::int64_t used = 0;
};
using StoredBlobs = std::map<std::string, StoredBlob, std::less<>>;

StoredBlobs stored_blobs(db::Connection& sql) {
  StoredBlobs blobs;
  auto rows = sql.query("SELECT digest, size, created, last_used FROM blobs");
  while (rows.step()) {
    blobs.emplace(rows.text(0), StoredBlob{.size = static_cast<std::uint64_t>(rows.integer(1)),
                                           .created = rows.integer(2) * kMicros,
                                           .used = rows.integer(3) * kMicros});
  }
  return blobs;
}

std::string artifact_id(const std::string& digest) {
  return rest::derived_uuid("artifact " + digest);
}

/// "datasets/org/name/resolve/<commit>/<path>": what lies below a base_path.
std::string relative_path(const catalog::KeptEntry& entry) {
  const std::string prefix = entry.repo.type == hub::RepoType::kModel
                                 ? ""
                                 : std::string(hub::api_segment(entry.repo.type)) + "/";
  return prefix + entry.repo.name + "/resolve/" + entry.commit + "/" + entry.path;
}

std::string content_id(const catalog::KeptEntry& entry) {
  return rest::derived_uuid("content " + entry.key);
}

using Labels = std::map<std::string, std::string, std::less<>>;

/// The labels that clients gave contents: JSON by the key of the entry.
Labels all_labels(db::Connection& sql) {
  Labels labels;
  auto rows = sql.query("SELECT entry, labels FROM content_labels");
  while (rows.step()) labels.emplace(rows.text(0), rows.text(1));
  return labels;
}

void keep_labels(db::Connection& sql, const Row& row) {
  const auto entry = row.doc.at(kEntry).get<std::string>();
  const auto& labels = row.doc.at("pulp_labels");
  sql.run("DELETE FROM content_labels WHERE entry = ?1", entry);
  if (labels.empty()) return;
  sql.run("INSERT INTO content_labels (entry, labels) VALUES (?1, ?2)", entry,
          rest::to_text(labels));
}

Row content_row(const catalog::KeptEntry& entry, const StoredBlob& blob, const Labels& labels) {
  Row row{.id = content_id(entry),
          .kind = {},
          .type = {},
          .name = entry.path,
          .created = blob.created,
          .updated = blob.created};
  const auto own = labels.find(entry.key);
  row.doc = Json{{"pulp_labels", own == labels.end() ? Json::object() : Json::parse(own->second)},
                 {"artifact", artifact_id(entry.digest.text())},
                 {"relative_path", relative_path(entry)},
                 {"repo_id", entry.repo.name},
                 {"repo_type", hub::api_segment(entry.repo.type)},
                 {"revision", entry.commit},
                 {"size", entry.size},
                 {"etag", entry.digest.hex()},
                 {kEntry, entry.key}};
  return row;
}

/// Remotes for which nothing is stored: their entries may name blobs, but those are others'.
std::set<std::string, std::less<>> streamed_remotes(db::Connection& sql) {
  std::set<std::string, std::less<>> ids;
  auto rows = sql.query(
      "SELECT id FROM resources WHERE kind = 'remote' AND json_extract(doc, '$.policy') = "
      "'streamed'");
  while (rows.step()) ids.insert(rows.text(0));
  return ids;
}

std::vector<Row> all_content_rows(db::Connection& sql) {
  const auto blobs = stored_blobs(sql);
  const auto streamed = streamed_remotes(sql);
  const auto labels = all_labels(sql);
  std::vector<Row> rows;
  catalog::each_entry(sql, [&](const catalog::KeptEntry& entry) {
    const auto remote = std::string_view(entry.scope).substr(0, entry.scope.find('/'));
    if (streamed.contains(remote)) return;
    const auto blob = blobs.find(entry.digest.text());
    if (blob != blobs.end()) rows.push_back(content_row(entry, blob->second, labels));
  });
  return rows;
}

std::optional<Row> find_in(std::vector<Row> rows, std::string_view id) {
  for (auto& row : rows) {
    if (row.id == id) return std::move(row);
  }
  return std::nullopt;
}

/// `orphaned_for`: minutes. Whatever is cached has its entry, so nothing is orphaned.
Filter orphaned_filter() {
  return {.name = "orphaned_for", .lookups = rest::kExact, .kind = Filter::Kind::kNumber};
}

std::filesystem::path file_of(const std::filesystem::path& data_dir, const Digest& digest) {
  return data_dir / "blobs" / digest.algorithm_name() / digest.hex().substr(0, 2) /
         digest.hex().substr(2);
}

std::string hash_of(const std::string& bytes, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned length = 0;
  ::EVP_Digest(bytes.data(), bytes.size(), sum.data(), &length, algorithm, nullptr);
  return to_hex(std::string_view(reinterpret_cast<const char*>(sum.data()), length));
}

/// The digests that Pulp keeps; of a large blob only what is known anyway.
void add_digests(const std::filesystem::path& file, Json& doc) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() != doc["size"]) return;
  doc["sha224"] = hash_of(bytes, ::EVP_sha224());
  doc["sha256"] = hash_of(bytes, ::EVP_sha256());
  doc["sha384"] = hash_of(bytes, ::EVP_sha384());
  doc["sha512"] = hash_of(bytes, ::EVP_sha512());
}

void name_file(Json& doc) {
  const auto& sha256 = doc["sha256"];
  if (!sha256.is_string()) return;
  const auto hex = sha256.get<std::string>();
  doc["file"] = "artifact/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

Row artifact_row(const Digest& digest, const StoredBlob& blob) {
  Row row{.id = artifact_id(digest.text()),
          .kind = {},
          .type = {},
          .name = digest.text(),
          .created = blob.created,
          .updated = blob.created};
  row.doc = Json{{"file", "artifact/" + digest.text()}, {"size", blob.size}};
  if (digest.algorithm() == Digest::Algorithm::kSha256) row.doc["sha256"] = digest.hex();
  name_file(row.doc);
  return row;
}

std::vector<Row> all_artifacts(db::Connection& sql) {
  std::vector<Row> rows;
  for (const auto& [text, blob] : stored_blobs(sql)) {
    if (const auto digest = Digest::from_text(text)) rows.push_back(artifact_row(*digest, blob));
  }
  return rows;
}

rest::Resource read_only(std::string name, std::string_view kind, std::string path,
                         std::string model) {
  return {.name = std::move(name),
          .kind = std::string(kind),
          .path = std::move(path),
          .model = std::move(model),
          .create = rest::Create::kNone,
          .change = rest::Change::kNone,
          .remove = rest::Change::kNone};
}

}  // namespace

rest::Resource content() {
  auto resource =
      read_only("HuggingFaceContent", kContentKind, "content/hugging_face/hugging-face/",
                "hugging_face.huggingfacecontent");
  resource.type = "hugging_face.hugging-face";
  resource.fields = {
      rest::labels("pulp_labels"),
      rest::nothing("vuln_report"),
      rest::href("artifact", std::string(kArtifactKind)),
      rest::text("relative_path").filters(rest::kExact),
      rest::text("repo_id").filters(rest::kExact),
      rest::choice("repo_type", {"models", "datasets", "spaces", "kernels", "buckets"})
          .filters(rest::kExact),
      rest::text("revision").filters(rest::kExact),
      rest::integer("size"),
      rest::text("etag"),
      rest::nothing("last_modified")};
  resource.filters = {version_filter("repository_version"),
                      version_filter("repository_version_added"),
                      version_filter("repository_version_removed"), orphaned_filter()};
  resource.more_orders = {"timestamp_of_interest"};
  resource.keep_labels = keep_labels;
  resource.rows = all_content_rows;
  resource.row = [](db::Connection& sql, std::string_view id) {
    return find_in(all_content_rows(sql), id);
  };
  return resource;
}

std::vector<std::string> entry_keys(db::Connection& sql, const Json& ids) {
  std::vector<std::string> keys;
  if (!ids.is_array()) return keys;
  const auto wanted = ids.get<std::set<std::string>>();
  catalog::each_entry(sql, [&](const catalog::KeptEntry& entry) {
    if (wanted.contains(content_id(entry))) keys.push_back(entry.key);
  });
  return keys;
}

rest::Resource all_content() {
  auto resource = read_only("MultipleArtifactContent", "list of content", "content/", "");
  resource.lists = std::string(kContentKind);
  resource.has_options = false;
  auto artifacts = [](const Row& row, const rest::Rendering& with) {
    return Json{
        {row.doc.value("relative_path", ""),
         rest::href_of(with, std::string(kArtifactKind), row.doc.value("artifact", Json()))}};
  };
  resource.fields = {rest::labels("pulp_labels"), rest::nothing("vuln_report"),
                     rest::computed("artifacts", artifacts).shown_as({{"type", "object"}})};
  resource.filters = content().filters;
  return resource;
}

rest::Resource artifact(const std::filesystem::path& data_dir) {
  auto resource = read_only("Artifact", kArtifactKind, "artifacts/", "core.artifact");
  resource.has_options = false;
  resource.fields = {rest::text("file"), rest::integer("size")};
  for (const char* name : {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}) {
    resource.fields.push_back(rest::text(name).nullable().filters(rest::kExact));
  }
  resource.filters = {version_filter("repository_version"), orphaned_filter()};
  resource.rows = all_artifacts;
  resource.row = [data_dir](db::Connection& sql, std::string_view id) {
    auto row = find_in(all_artifacts(sql), id);
    if (!row || row->doc["size"].get<std::uint64_t>() > kLargestToHash) return row;
    add_digests(file_of(data_dir, *Digest::from_text(row->name)), row->doc);
    name_file(row->doc);
    return row;
  };
  return resource;
}

}  // namespace hubcache::pulp
