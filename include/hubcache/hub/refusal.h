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

/// The Hub refused a credential a repo, when it was asked for something of it.
struct RepoRefusal {
  std::shared_ptr<const Endpoint> endpoint;
  Credential credential;
  RepoId asked;      // as it was named
  RepoId canonical;  // where the Hub's redirects had led by then
  int status = 0;
  std::string code;
  std::string message;
};
/// Hears of such a refusal before the one who asked does.
using OnRepoRefusal = std::function<Task<void>(RepoRefusal refusal)>;

}  // namespace hubcache::hub
