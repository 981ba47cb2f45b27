#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hubcache/rest/resource.h"
#include "hubcache/rest/row.h"

namespace hubcache::rest {

/// Is this kind the family, or of it? "contentguard.rbac" is of "contentguard".
bool is_of(std::string_view kind, std::string_view family);
/// "contentguard" of "contentguard.rbac".
std::string_view family_of(std::string_view kind);

/// "prn:hugging_face.huggingfaceremote:<id>"
std::string prn(const Resource& resource, std::string_view id);
/// "<root>remotes/hugging_face/hugging-face/<id>/"
std::string href(std::string_view root, const Resource& resource, const Row& row);

/// What an href or PRN names, as far as its text tells.
struct Address {
  const Resource* resource = nullptr;  // null: nothing is there
  std::string parent = {};             // the id of the object above, for nested ones
  std::string key = {};                // the last part: an id, or a number
  bool is_collection = false;          // it names a list, or the root, not an object
};
/// Reads a path or an absolute URL; a host in it does not matter.
Address read_href(const std::vector<Resource>& resources, std::string_view root,
                  std::string_view text);

}  // namespace hubcache::rest
