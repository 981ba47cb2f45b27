#include "hubcache/registry/rules.h"

#include <algorithm>

#include "hubcache/base/error.h"
#include "hubcache/base/glob.h"
#include "hubcache/base/http_status.h"
#include "hubcache/base/joined.h"

namespace hubcache::registry {
namespace {

using Globs = std::vector<std::string>;

bool fits_any(const Globs& globs, std::string_view name) {
  return std::ranges::any_of(globs, [name](auto& glob) { return matches_glob(glob, name); });
}

bool fits_any_in_any_case(const Globs& globs, std::string_view name) {
  return std::ranges::any_of(globs,
                             [name](auto& glob) { return matches_glob_of_any_case(glob, name); });
}

bool allows(const Globs& allowed, const Globs& denied, std::string_view name) {
  return (allowed.empty() || fits_any(allowed, name)) && !fits_any_in_any_case(denied, name);
}

bool looks_at_names(const Rule& rule) {
  return !rule.allow_files.empty() || !rule.deny_files.empty();
}

bool allows_repo(const Rule& rule, const hub::RepoId& repo) {
  return allows(rule.allow_repos, rule.deny_repos, repo.name);
}

bool allows_all_files(const Rule& rule, const hub::RepoId& repo) {
  return allows_repo(rule, repo) && !looks_at_names(rule);
}

bool allows_file(const Rule& rule, const hub::FileRef& file, std::optional<std::uint64_t> size) {
  if (!allows_repo(rule, file.repo)) return false;
  if (size && rule.max_file_size != 0 && *size > rule.max_file_size) return false;
  if (file.door != hub::Door::kFiles) return !looks_at_names(rule);
  return allows(rule.allow_files, rule.deny_files, file.path);
}

std::shared_ptr<const Rules> copy_of(const Rules& rules) {
  return rules.empty() ? nullptr : std::make_shared<const Rules>(rules);
}

/// As a gated repo refuses: what huggingface_hub shows to its user, and does not try again. By its
/// status git knows that no password helps.
Error refusal_by(const Rule& rule, const hub::RepoId& repo, std::string_view what) {
  auto message = joined({"The rule \"", rule.name, "\" of this hubcache forbids reading ", what,
                         "the ", hub::name_of(repo.type), " ", repo.name, "."});
  if (!rule.contact.empty()) message += " Ask " + rule.contact + ".";
  return {
      Error::Kind::kForbidden, message,
      Error::HubDetail{.code = "GatedRepo", .message = message, .status = http_status::kForbidden}};
}

}  // namespace

void RulesOf::require_repo(const hub::RepoId& repo) const {
  const auto* rule = first_against(repo, [&](auto& each) { return allows_repo(each, repo); });
  if (rule != nullptr) throw refusal_by(*rule, repo, "");
}

void RulesOf::require_file(const hub::FileRef& file, std::optional<std::uint64_t> size) const {
  const auto* rule = against(file, size);
  if (rule == nullptr) return;
  if (!allows_repo(*rule, file.repo)) throw refusal_by(*rule, file.repo, "");
  const bool by_digest = file.door != hub::Door::kFiles && looks_at_names(*rule);
  throw refusal_by(*rule, file.repo,
                   by_digest ? "files by digest, without their names, of " : "this file of ");
}

void RulesOf::require_all_files(const hub::RepoId& repo) const {
  const auto* rule = first_against(repo, [&](auto& each) { return allows_all_files(each, repo); });
  if (rule == nullptr) return;
  throw refusal_by(*rule, repo,
                   allows_repo(*rule, repo) ? "what may show any file, as git does, of " : "");
}

bool RulesOf::admits(const hub::FileRef& file, std::uint64_t size) const {
  return against(file, size) == nullptr;
}

const Rule* RulesOf::against(const hub::FileRef& file, std::optional<std::uint64_t> size) const {
  return first_against(file.repo, [&](auto& each) { return allows_file(each, file, size); });
}

bool RulesOf::concerns(const Rule& rule, const hub::RepoId& repo) const {
  const auto has = [](const auto& list, const auto& item) {
    return list.empty() || std::ranges::find(list, item) != list.end();
  };
  return has(rule.distributions, distribution_) && has(rule.types, repo.type) &&
         (rule.repos.empty() || fits_any_in_any_case(rule.repos, repo.name));
}

template <typename Allows>
const Rule* RulesOf::first_against(const hub::RepoId& repo, Allows allows) const {
  if (!rules_) return nullptr;
  const auto found = std::ranges::find_if(
      *rules_, [&](const Rule& rule) { return concerns(rule, repo) && !allows(rule); });
  return found == rules_->end() ? nullptr : &*found;
}

RuleBook::RuleBook(Workers& workers, const Rules& rules)
    : workers_(workers), slots_(workers.size()) {
  for (auto& slot : slots_) slot.rules = copy_of(rules);
}

RulesOf RuleBook::of(std::string_view distribution) const {
  const auto& [rules, version] = slots_[workers_.current()];
  return {rules, rules ? std::string(distribution) : std::string(), version};
}

bool RuleBook::is_in_force(std::uint64_t version) const {
  return slots_[workers_.current()].version == version;
}

Task<> RuleBook::put_in_force(Rules rules) {
  const auto version = ++version_;
  for (std::size_t worker = 0; worker < slots_.size(); ++worker) {
    co_await on(workers_.executor(worker), swap(worker, copy_of(rules), version));
  }
}

Task<> RuleBook::swap(std::size_t worker, std::shared_ptr<const Rules> rules,
                      std::uint64_t version) {
  slots_[worker] = {.rules = std::move(rules), .version = version};
  co_return;
}

}  // namespace hubcache::registry
