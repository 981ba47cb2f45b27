#pragma once

#include "hubcache/content/digest_files.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// /v2: models as a registry of containers has them, for Ollama and old llama.cpp (contract/hub.md
/// 1.9, 1.10). Manifests are the Hub's own documents; blobs come from here. Lives on one worker.
class RegistryRoute {
 public:
  RegistryRoute(Services& services, DigestFiles& files) : services_(services), files_(files) {}

  Task<http::Response> manifest(const http::Request& request, Place place, hub::Route asked);
  Task<http::Response> blob(const http::Request& request, Place place, hub::Route asked);

 private:
  void learn(const Place& place, const hub::RepoId& repo, const catalog::Document& manifest);

  Services& services_;
  DigestFiles& files_;
};

}  // namespace hubcache::content
