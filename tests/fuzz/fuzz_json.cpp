// JSON as an upstream may send it, or a client.
#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/content/json_filter.h"
#include "hubcache/content/learned.h"
#include "hubcache/content/paths_info.h"
#include "hubcache/content/registry_manifest.h"
#include "hubcache/hub/bounded_json.h"

#include "catalog/tree_page.h"
#include "fuzz.h"
#include "hub/info_document.h"
#include "hub/lfs_batch.h"

namespace hubcache::fuzz {
namespace {

void try_learning(std::string_view text, const nlohmann::json& value) {
  using Kind = hub::Route::Kind;
  const auto told = content::commits_told({.kind = Kind::kInfo, .file = {}}, text);
  require(told.size() == 1 && told[0].first == "main", "an info document is of one revision");
  if (value.is_object()) {
    const auto sha = value.find("sha");
    const bool is_said = sha != value.end() && sha->is_string() && *sha != "";
    require(!is_said || !told[0].second.empty(), "its commit is learned");
  }
  content::commits_told({.kind = Kind::kRefs, .file = {}}, text);
}

void try_paths_info(std::string_view text) {
  for (const char* type : {"application/json", "application/x-www-form-urlencoded"}) {
    http::Request request{.method = "POST", .body = std::string(text)};
    request.headers.set("Content-Type", type);
    try {
      const auto form = content::paths_info_form(request);
      require(form.starts_with("paths="), "a form names a path");
      if (form.find("%00") != std::string::npos) continue;  // no form can say that
      const http::Request again{.method = "POST", .body = form};
      require(content::paths_info_form(again) == form, "and is its own form");
    } catch (const Error& error) {
      require(error.kind() == Error::Kind::kBadRequest, "what is none is a bad request");
    }
  }
}

void try_info(std::string_view text, const nlohmann::json& value) {
  if (!hub::says_public(text)) return;
  require(value.is_object(), "an info document is an object");
  for (const char* field : {"private", "gated"}) {
    const auto found = value.find(field);
    require(found != value.end() && *found == false, "what is public is neither private nor gated");
  }
}

void try_lfs(std::string_view text, const nlohmann::json& value) {
  const auto digest = *Digest::from_etag(std::string(64, 'c'));  // as the corpus has it
  const std::vector<hub::LfsObject> asked{{.digest = digest, .size = 9}};
  const auto base = *http::Url::parse("https://hub.example/o/n.git/info/lfs/objects/batch");
  try {
    for (const auto& object : hub::lfs_objects_in(text, base, asked)) {
      require(object.digest == digest && object.size == 9, "an object is one that was asked for");
      const auto place = http::Url::parse(object.location);
      require(place && place->scheme == "https", "its place is a URL that may be followed");
      require(place->text() != base.text(), "and another one");
    }
    require(value.is_object(), "a batch's answer is an object");
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kUpstream, "it is refused as the upstream's fault");
  }
}

void try_manifest(std::string_view text, const nlohmann::json& value) {
  for (const auto& blob : content::blobs_of_manifest(text)) {
    require(value.is_object(), "a manifest is an object");
    require(blob.digest.algorithm() == Digest::Algorithm::kSha256, "a blob has a sha256");
  }
}

void try_json(std::string_view text) {
  const auto value = hub::bounded_json(text);
  hub::bounded_json(text, 1);
  try_learning(text, value);
  try_paths_info(text);
  try_info(text, value);
  try_lfs(text, value);
  try_manifest(text, value);
  try {
    for (const auto& file : catalog::read_tree_page(text)) {
      require(!file.path.empty(), "a file has a path");
      require(!value.is_discarded(), "a page is JSON");
    }
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kUpstream, "a page is refused as the upstream's fault");
  }
  try {
    const auto filtered = content::without_xet(text);
    if (value.is_discarded()) return;
    const auto again = hub::bounded_json(filtered);
    require(!again.is_discarded(), "what is left of JSON is JSON");
    require(content::without_xet(filtered) == filtered, "and stays as it is");
  } catch (const Error& error) {
    require(error.kind() == Error::Kind::kUpstream, "what is no JSON is the upstream's fault");
  }
}

}  // namespace
}  // namespace hubcache::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  hubcache::fuzz::try_json(hubcache::fuzz::text_of(bytes, size));
  return 0;
}
