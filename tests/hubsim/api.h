#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hubsim/site.h"

namespace hubsim {

using Json = nlohmann::ordered_json;
inline const std::string kMask(64, '*');  // in place of a digest

/// A repo's API route, its caller let in to the repo (not through its gate).
struct ApiCall {
  const Site& site;
  const Request& request;
  const Location& at;
  const Repo& repo;
  Caller caller;
  std::vector<std::string> rest;  // raw segments behind the verb

  /// True when digests are hidden from this caller.
  bool masked() const { return repo.visibility.gate != Gate::kOpen && !caller.granted(repo); }
};

/// 200 with a weak ETag, or 304; compressed when the client and the site allow it.
Response json_answer(const Site& site, const Request& request, const Json& document);
/// `<url>; rel="next"` on this very path, with `parameters` in place of those of the same name.
std::string next_link(const Site& site, const Request& request,
                      const std::vector<std::pair<std::string, std::string>>& parameters);
bool wants(const Request& request, std::string_view flag);
std::uint64_t number_parameter(const Request& request, std::string_view name,
                               std::uint64_t fallback);

Response repo_info(const ApiCall& call, std::string_view revision);
Response repo_list(const Site& site, const Request& request, RepoType type);
Response tree(ApiCall call);
Response paths_info(ApiCall call);
Response refs(const ApiCall& call);
Response commits(ApiCall call);

}  // namespace hubsim
