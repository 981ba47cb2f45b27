#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hubcache/base/error.h"
#include "hubcache/base/task.h"
#include "hubcache/hub/types.h"

namespace hubcache::hub {

/// The error that stands for a refusal, or a 404, of the hub's own origin: it is told to clients
/// as the Hub told it.
Error refusal_of(int status, std::string code, std::string message, std::string commit);

/// Is the repo itself refused, or said not to be there, and not a file or revision of it?
bool is_of_repo(int status, std::string_view code);

/// The Hub, asked for something of a repo, said what may end what is known of it: that it refuses
/// the repo to the credential, or that it has another name for it.
struct RepoChange {
  std::shared_ptr<const Endpoint> endpoint;
  Credential credential;
  RepoId asked;      // as it was named
  RepoId canonical;  // where the Hub's redirects led
  int status = 0;    // of a refusal; 0: there is none
  std::string code{};
  std::string message{};
};
/// Hears of it before the one who asked does.
using OnRepoChange = std::function<Task<void>(RepoChange change)>;

}  // namespace hubcache::hub
