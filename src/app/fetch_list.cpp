#include "hubcache/app/fetch_list.h"

#include <algorithm>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/glob.h"
#include "hubcache/base/text.h"
#include "hubcache/hub/grammar.h"

namespace hubcache::app {
namespace {

hub::RepoType take_type(std::string_view& text) {
  for (const auto type : hub::kRepoTypes) {
    for (const auto& before :
         {std::string(hub::name_of(type)) + ':', std::string(hub::api_segment(type)) + ':',
          std::string(hub::api_segment(type)) + '/'}) {
      if (!text.starts_with(before)) continue;
      text.remove_prefix(before.size());
      return type;
    }
  }
  return hub::RepoType::kModel;
}

/// "#" may be part of a name of a revision, so it needs a blank before it.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return line.substr(0, at);
  }
  return line;
}

std::vector<std::string> globs(std::vector<std::string> patterns) {
  for (auto& pattern : patterns) {
    if (pattern.ends_with('/')) pattern += '*';
    if (const auto complaint = complaint_of_glob(pattern)) {
      throw Error(Error::Kind::kBadRequest, "the pattern \"" + pattern + "\" " + *complaint);
    }
  }
  return patterns;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view path) {
  return std::ranges::any_of(patterns, [&](const auto& glob) { return matches_glob(glob, path); });
}

}  // namespace

std::string FetchTarget::text() const {
  std::string text;
  if (repo.type != hub::RepoType::kModel) (text += hub::api_segment(repo.type)) += '/';
  return text + repo.name + '@' + revision;
}

FetchTarget fetch_target(std::string_view text) {
  auto rest = text;
  FetchTarget target{.repo = {.type = take_type(rest)}};
  const auto at = rest.find('@');
  target.repo.name = rest.substr(0, at);
  if (at != std::string_view::npos) target.revision = rest.substr(at + 1);
  const bool has_blank = text.find_first_of(" \t\r\n") != std::string_view::npos;
  if (hub::is_repo_name(target.repo.name) && !target.revision.empty() && !has_blank) return target;
  throw Error(Error::Kind::kBadRequest,
              '"' + std::string(text) +
                  "\" names no repository: allowed is like org/name, datasets/org/name and "
                  "org/name@revision");
}

std::vector<FetchTarget> fetch_list(std::istream& lines, const std::string& name) {
  std::vector<FetchTarget> targets;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    const auto text = trimmed(without_comment(line));
    if (text.empty()) continue;
    try {
      targets.push_back(fetch_target(text));
    } catch (const Error& error) {
      throw Error(error.kind(), name + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return targets;
}

FileFilter::FileFilter(std::vector<std::string> include, std::vector<std::string> exclude)
    : include_(globs(std::move(include))), exclude_(globs(std::move(exclude))) {}

bool FileFilter::takes(std::string_view path) const {
  return (include_.empty() || matches_any(include_, path)) && !matches_any(exclude_, path);
}

}  // namespace hubcache::app
