#include "described.h"

#include "hubcache/base/error.h"
#include "hubcache/base/sha256.h"

namespace hubcache::mirror {

void with_complaint(const Complain& complain, const std::string& what,
                    const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    // Not of this one: of all that would come.
    if (error.kind() == Error::Kind::kCancelled) throw;
    complain(what + ": " + error.what());
  }
}

std::string described(const Index::Item& item) {
  return name_of(Description{.repo = item.repo, .commit = item.commit});
}

Description parse_described(const Index::Item& item, std::string_view text) {
  if (text.size() != item.size || sha256_of(text) != item.description) {
    throw Error(Error::Kind::kCorrupt, "its description is torn");
  }
  auto description = parse_description(text);
  if (description.repo != item.repo || description.commit != item.commit) {
    throw Error(Error::Kind::kBadRequest, "its description is of another commit");
  }
  return description;
}

}  // namespace hubcache::mirror
