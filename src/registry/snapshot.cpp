#include <algorithm>
#include <iterator>
#include <utility>

#include "hubcache/registry/registry.h"

namespace hubcache::registry {
namespace {

std::size_t segments_of(std::string_view path) {
  return 1 + static_cast<std::size_t>(std::ranges::count(path, '/'));
}

template <typename T>
Snapshot::Shelf<T> shelf_of(std::vector<T> things) {
  Snapshot::Shelf<T> shelf;
  shelf.reserve(things.size());
  for (auto& thing : things) shelf.push_back(std::make_shared<const T>(std::move(thing)));
  std::ranges::sort(shelf, {}, [](const auto& thing) -> const std::string& { return thing->id; });
  return shelf;
}

template <typename T>
Snapshot::Shelf<T> changed_shelf(const Snapshot::Shelf<T>& before,
                                 const std::set<std::string>& changed, std::vector<T> now) {
  const auto id_of = [](const auto& thing) -> const std::string& { return thing->id; };
  Snapshot::Shelf<T> left;
  left.reserve(before.size());
  std::ranges::copy_if(before, std::back_inserter(left),
                       [&](const auto& thing) { return !changed.contains(thing->id); });
  auto fresh = shelf_of(std::move(now));
  Snapshot::Shelf<T> shelf;
  shelf.reserve(left.size() + fresh.size());
  std::ranges::merge(std::move(left), std::move(fresh), std::back_inserter(shelf), {}, id_of,
                     id_of);
  return shelf;
}

template <typename T>
const T* on_shelf(const Snapshot::Shelf<T>& shelf, std::string_view id) {
  const auto found = std::ranges::lower_bound(
      shelf, id, {}, [](const auto& thing) -> std::string_view { return thing->id; });
  return found != shelf.end() && (*found)->id == id ? found->get() : nullptr;
}

}  // namespace

Snapshot::Snapshot(std::uint64_t version, std::vector<Remote> remotes,
                   std::vector<Distribution> distributions, const std::optional<std::string>& root,
                   std::vector<Guard> guards)
    : Snapshot(version, shelf_of(std::move(remotes)), shelf_of(std::move(distributions)), root,
               shelf_of(std::move(guards))) {}

Snapshot::Snapshot(std::uint64_t version, Shelf<Remote> remotes, Shelf<Distribution> distributions,
                   const std::optional<std::string>& root, Shelf<Guard> guards)
    : version_(version),
      remotes_(std::move(remotes)),
      distributions_(std::move(distributions)),
      guards_(std::move(guards)) {
  by_base_path_.reserve(distributions_.size());
  for (const auto& distribution : distributions_) {
    by_base_path_.emplace(distribution->base_path, distribution.get());
    deepest_ = std::max(deepest_, segments_of(distribution->base_path));
  }
  if (root) root_ = on_shelf(distributions_, *root);
}

std::shared_ptr<const Snapshot> Snapshot::with(std::uint64_t version,
                                               const std::set<std::string>& changed,
                                               std::vector<Remote> remotes,
                                               std::vector<Distribution> distributions,
                                               const std::optional<std::string>& root,
                                               std::vector<Guard> guards) const {
  return std::shared_ptr<const Snapshot>(
      new Snapshot(version, changed_shelf(remotes_, changed, std::move(remotes)),
                   changed_shelf(distributions_, changed, std::move(distributions)), root,
                   changed_shelf(guards_, changed, std::move(guards))));
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
      best = match_of(*found->second, raw_path.substr(std::min(end + 1, raw_path.size())));
    }
    begin = end + 1;
  }
  return best;
}

std::optional<Match> Snapshot::root() const {
  if (root_ == nullptr) return std::nullopt;
  return match_of(*root_, {});
}

const Remote* Snapshot::remote(std::string_view id) const { return on_shelf(remotes_, id); }

const Guard* Snapshot::guard(std::string_view id) const { return on_shelf(guards_, id); }

Match Snapshot::match_of(const Distribution& distribution, std::string_view rest) const {
  return {.distribution = &distribution,
          .remote = distribution.remote ? remote(*distribution.remote) : nullptr,
          .rest = rest};
}

}  // namespace hubcache::registry
