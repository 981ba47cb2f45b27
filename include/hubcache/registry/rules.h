#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/task.h"
#include "hubcache/base/workers.h"
#include "hubcache/hub/types.h"

namespace hubcache::registry {

/// What an operator says may not be read through distributions, whoever asks. Patterns are those of
/// base/glob.h. The Hub takes names in any case, so `repos` and what is denied match in any; what
/// is allowed has to be spelled as in the rule.
struct Rule {
  std::string name{};
  std::string contact{};  // whom refusals tell to ask; may be empty
  // Which repos it is about. A list without items: all.
  std::vector<std::string> distributions{};  // names
  std::vector<hub::RepoType> types{};
  std::vector<std::string> repos{};
  // What it says of them.
  std::vector<std::string> allow_repos{};  // if any, no others
  std::vector<std::string> deny_repos{};
  std::vector<std::string> allow_files{};  // if any, no others
  std::vector<std::string> deny_files{};
  std::uint64_t max_file_size = 0;  // 0: any
};

/// All of them have to let pass. Immutable: read it from any thread.
using Rules = std::vector<Rule>;

/// The rules for what is read through one distribution. They are to be asked for a repo by the name
/// it was asked by and by its canonical one (SECURITY 9).
class RulesOf {
 public:
  RulesOf() = default;  // there are none
  /// `version`: which of those that were in force one after the other; 0: none of them.
  RulesOf(std::shared_ptr<const Rules> rules, std::string distribution, std::uint64_t version)
      : rules_(std::move(rules)), distribution_(std::move(distribution)), version_(version) {}

  bool empty() const noexcept { return !rules_; }
  /// These throw kForbidden, in a form that Hub clients show to their users, when a rule does not
  /// let the repo be read...
  void require_repo(const hub::RepoId& repo) const;
  /// ...or the file. What is named by digest has no name to look at: rules about names refuse it.
  /// `size` is nullopt while it is not known.
  void require_file(const hub::FileRef& file, std::optional<std::uint64_t> size = {}) const;
  /// ...or any of the repo's files, for an answer that may show any.
  void require_all_files(const hub::RepoId& repo) const;

  /// As it was given.
  std::uint64_t version() const noexcept { return version_; }
  /// Would require_file() return?
  bool admits(const hub::FileRef& file, std::uint64_t size) const;

 private:
  bool concerns(const Rule& rule, const hub::RepoId& repo) const;
  template <typename Allows>
  const Rule* first_against(const hub::RepoId& repo, Allows allows) const;
  const Rule* against(const hub::FileRef& file, std::optional<std::uint64_t> size) const;

  std::shared_ptr<const Rules> rules_;  // null: none
  std::string distribution_;
  std::uint64_t version_ = 0;
};

/// The rules in force, one reference a worker, so that a request takes them without a lock and
/// without touching what other workers touch.
class RuleBook {
 public:
  /// Before the workers start.
  RuleBook(Workers& workers, const Rules& rules);

  /// What holds for the distribution called so, on the worker that calls.
  RulesOf of(std::string_view distribution) const;
  /// Are the rules of this version in force on the worker that calls?
  bool is_in_force(std::uint64_t version) const;
  /// Returns when every worker goes by these rules; requests under way end as they began. From any
  /// worker, one call after the other.
  Task<> put_in_force(Rules rules);

 private:
  struct alignas(64) Slot {
    std::shared_ptr<const Rules> rules;  // null: there are none
    std::uint64_t version = 1;           // the same on all workers that have the same
  };
  Task<> swap(std::size_t worker, std::shared_ptr<const Rules> rules, std::uint64_t version);

  Workers& workers_;
  std::vector<Slot> slots_;
  std::uint64_t version_ = 1;  // of those that were put in force last
};

}  // namespace hubcache::registry
