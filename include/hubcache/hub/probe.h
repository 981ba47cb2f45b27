#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/hub/hub.h"

namespace hubcache::hub {

/// Calls in flight, shared by all who ask the same with the same credential (SECURITY 5).
/// Each key has a home worker; the call runs there, with the patience of the one who asked first.
class Flights {
 public:
  /// `hubs[i]` is the Hub of worker i; all outlive this.
  Flights(Workers& workers, std::vector<Hub*> hubs);
  ~Flights();
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;

  Task<std::shared_ptr<const FileAnswer>> head_file(EndpointPtr endpoint, Credential credential,
                                                    FileRef file,
                                                    Patience patience = Patience::kWait);
  Task<std::shared_ptr<const RepoAnswer>> auth_check(EndpointPtr endpoint, Credential credential,
                                                     RepoId repo);
  Task<std::shared_ptr<const DocumentAnswer>> document(EndpointPtr endpoint, Credential credential,
                                                       DocumentQuery query,
                                                       Patience patience = Patience::kWait);

 private:
  struct Shard;
  Workers& workers_;
  std::vector<Hub*> hubs_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

/// The lazy question of one caller about one file: a HEAD of that file and an auth-check of its
/// repo, each asked at most once, and only if someone needs it (DESIGN 3). Lives in the request's
/// coroutine, on its worker.
class Probe {
 public:
  Probe(Flights& flights, EndpointPtr endpoint, Credential credential, FileRef file);

  const EndpointPtr& endpoint() const { return endpoint_; }
  const Credential& credential() const { return credential_; }
  const FileRef& file() const { return file_; }

  /// Each asks the Hub on first use; later calls return (or throw) the same.
  Task<std::shared_ptr<const FileAnswer>> head(Patience patience = Patience::kWait);
  Task<std::shared_ptr<const RepoAnswer>> auth();
  /// Both at once, in parallel; either's failure is thrown by head() or auth() afterwards.
  Task<void> ask_both();
  /// Whose and what file it is has turned out: asks for `repo`, and as `credential`, from now on.
  /// What has been answered stays.
  void settle(RepoId repo, Credential credential);
  /// The HEAD's answer if it was asked and came; never asks.
  std::shared_ptr<const FileAnswer> head_if_known() const { return head_; }

 private:
  Flights& flights_;
  EndpointPtr endpoint_;
  Credential credential_;
  FileRef file_;
  std::shared_ptr<const FileAnswer> head_;
  std::shared_ptr<const RepoAnswer> auth_;
  std::exception_ptr head_failure_;
  std::exception_ptr auth_failure_;
};

}  // namespace hubcache::hub
