#pragma once

#include <memory>
#include <string>

#include "hubcache/catalog/documents.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// What the Hub's API says of one repo, of the kinds that are understood and so cached: info, tree,
/// paths-info, refs, commits; and auth-check. Lives on one worker.
class DocumentRoute {
 public:
  explicit DocumentRoute(Services& services) : services_(services) {}

  Task<http::Response> get(const http::Request& request, Place place, hub::Route asked);
  /// 200 when the caller may read the repo, else the Hub's refusal.
  Task<http::Response> auth_check(Place place, hub::Route asked);

 private:
  Task<> learn(const hub::Route& asked, const Place& place, const catalog::Document& document);

  void follow(catalog::DocumentRequest listing, std::string commit,
              std::shared_ptr<const catalog::Document> first);

  Services& services_;
};

}  // namespace hubcache::content
