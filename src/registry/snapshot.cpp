#include <algorithm>
#include <utility>

#include "hubcache/registry/registry.h"

namespace hubcache::registry {
namespace {

std::size_t segments_of(std::string_view path) {
  return 1 + static_cast<std::size_t>(std::ranges::count(path, '/'));
}

}  // namespace

Snapshot::Snapshot(std::uint64_t version, std::vector<Remote> remotes,
                   std::vector<Distribution> distributions, const std::optional<std::string>& root,
                   std::vector<Guard> guards)
    : version_(version),
      remotes_(std::move(remotes)),
      distributions_(std::move(distributions)),
      guards_(std::move(guards)) {
  for (std::size_t i = 0; i < remotes_.size(); ++i) by_remote_id_.emplace(remotes_[i].id, i);
  for (std::size_t i = 0; i < distributions_.size(); ++i) {
    const auto& distribution = distributions_[i];
    by_base_path_.emplace(distribution.base_path, i);
    deepest_ = std::max(deepest_, segments_of(distribution.base_path));
    if (distribution.id == root) root_ = i;
  }
}

std::optional<Match> Snapshot::match(std::string_view raw_path) const {
  std::optional<Match> best;
  std::string prefix;
  std::size_t begin = 0;
  for (std::size_t depth = 0; depth < deepest_ && begin <= raw_path.size(); ++depth) {
    const auto end = std::min(raw_path.find('/', begin), raw_path.size());
    const auto segment = raw_path.substr(begin, end - begin);
    if (depth > 0) prefix += '/';
    if (segment.find('%') == std::string_view::npos) {
      prefix += segment;
    } else {
      const auto decoded = http::percent_decode(segment);
      if (!decoded || decoded->find('/') != std::string::npos) break;
      prefix += *decoded;
    }
    if (const auto found = by_base_path_.find(prefix); found != by_base_path_.end()) {
      best = match_of(distributions_[found->second],
                      raw_path.substr(std::min(end + 1, raw_path.size())));
    }
    begin = end + 1;
  }
  return best;
}

std::optional<Match> Snapshot::root() const {
  if (!root_) return std::nullopt;
  return match_of(distributions_[*root_], {});
}

const Remote* Snapshot::remote(std::string_view id) const {
  const auto found = by_remote_id_.find(id);
  return found == by_remote_id_.end() ? nullptr : &remotes_[found->second];
}

const Guard* Snapshot::guard(std::string_view id) const {
  const auto found = std::ranges::find(guards_, id, &Guard::id);
  return found == guards_.end() ? nullptr : &*found;
}

Match Snapshot::match_of(const Distribution& distribution, std::string_view rest) const {
  return {.distribution = &distribution,
          .remote = distribution.remote ? remote(*distribution.remote) : nullptr,
          .rest = rest};
}

}  // namespace hubcache::registry
