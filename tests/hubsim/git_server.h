#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "hubsim/site.h"

namespace hubsim {

/// The repos as git has them, made by git itself when somebody asks for one, and again after it has
/// changed. Any thread.
class GitRepos {
 public:
  GitRepos() = default;
  ~GitRepos();
  GitRepos(const GitRepos&) = delete;
  GitRepos& operator=(const GitRepos&) = delete;

  /// What `git upload-pack` answers; `input` is null for the refs it advertises.
  std::string upload_pack(const Repo& repo, std::string_view protocol, const std::string* input);

 private:
  std::filesystem::path folder_of(const Repo& repo);

  std::mutex mutex_;  // guards all; git runs without it
  std::filesystem::path root_;
  std::size_t made_ = 0;
  std::map<std::string, std::filesystem::path> folders_;  // by all that a repo holds
};

/// /{repo}[.git]/info/refs, git-upload-pack, git-receive-pack and info/lfs/objects/batch; nothing
/// when the request is for none of these.
std::optional<Response> answer_git(const Site& site, const Request& request, GitRepos& repos);

}  // namespace hubsim
