#pragma once

#include "hubcache/content/digest_files.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// Git-lfs, for downloads (contract/hub.md 1.11). Which objects a repo has the Hub is asked each
/// time; they come from here, by URLs of ours that open nothing by themselves: git-lfs sends there
/// what it sends with its batches. Lives on one worker.
class LfsRoute {
 public:
  LfsRoute(Services& services, DigestFiles& files) : services_(services), files_(files) {}

  Task<http::Response> batch(const http::Request& request, Place place, hub::Route asked);
  Task<http::Response> object(const http::Request& request, Place place, hub::Route asked);

 private:
  Services& services_;
  DigestFiles& files_;
};

}  // namespace hubcache::content
