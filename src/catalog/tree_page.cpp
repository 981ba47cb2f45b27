#include "tree_page.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/hub/bounded_json.h"

#include "xet_name.h"

namespace hubcache::catalog {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Error::Kind::kUpstream, "The Hub's tree cannot be read", std::string(what));
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t size_in(const json& object) {
  const auto found = object.find("size");
  if (found == object.end() || !found->is_number_unsigned()) refuse("a file without its size");
  return found->get<std::uint64_t>();
}

/// The oid of a LFS file is that of its pointer: what it holds is told by `lfs`.
TreeFile file_of(const json& item) {
  const auto lfs = item.find("lfs");
  const bool in_lfs = lfs != item.end() && lfs->is_object();
  const json& content = in_lfs ? *lfs : item;
  const auto algorithm = in_lfs ? Digest::Algorithm::kSha256 : Digest::Algorithm::kGitSha1;
  auto digest = Digest::parse(algorithm, text_in(content, "oid"));
  auto path = text_in(item, "path");
  if (!digest || path.empty()) refuse("a file without its digest or path");
  auto xet = in_lfs ? xet_name(text_in(item, "xetHash"), *digest) : std::string();
  return {.path = std::move(path),
          .digest = *std::move(digest),
          .size = size_in(content),
          .xet = std::move(xet)};
}

}  // namespace

std::vector<TreeFile> read_tree_page(std::string_view body) {
  const auto page = hub::bounded_json(body);
  if (!page.is_array()) refuse("not a list");
  std::vector<TreeFile> files;
  files.reserve(page.size());
  for (const auto& item : page) {
    if (!item.is_object()) refuse("not a list of objects");
    if (text_in(item, "type") == "file") files.push_back(file_of(item));
  }
  return files;
}

}  // namespace hubcache::catalog
