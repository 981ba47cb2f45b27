#pragma once

#include <string>

#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/types.h"

namespace hubcache::content {

/// An API document of one repo, as a client asks for it.
struct DocumentRef {
  enum class Kind { kInfo, kTree };
  Kind kind = Kind::kInfo;
  hub::RepoId repo;
  std::string revision;  // decoded; empty for an info document without one
  std::string target;    // raw path and query below the hub's base, built from parsed parts
};

/// GET and HEAD of info, revision and tree: the Hub's document, with Link made our own and the xet
/// fields left out (contract/hub.md 2.3, 4.3). Lives on one worker.
class DocumentRoute {
 public:
  explicit DocumentRoute(Services& services) : services_(services) {}

  Task<http::Response> get(const http::Request& request, Place place, DocumentRef document);

 private:
  Services& services_;
};

}  // namespace hubcache::content
