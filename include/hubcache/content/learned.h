#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/hub/grammar.h"

namespace hubcache::content {

/// What a document says that revisions stand for, as (revision, commit): an info document of its
/// own revision, refs of every branch, tag, conversion and pull request, and any document at a
/// commit that the repo has this commit. Nothing of a document that is not understood.
std::vector<std::pair<std::string, std::string>> commits_told(const hub::Route& asked,
                                                              std::string_view body);

}  // namespace hubcache::content
