#pragma once

#include <nlohmann/json_fwd.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/base/task.h"

namespace hubcache::app {

/// What `hubcache export` and `hubcache import` ask for, as JSON, done. `remote` is a remote's name
/// ("": the usual one), `repo` a key ("model/org/name"), files are texts of mirror::to_text().
///
///   {"do": "export.commit", "remote", "repo", "revision"} -> {"description", "key"}
///     without its files; kNotFound when they are not all known
///   {"do": "export.files", "key", "after"} -> {"files"}
///     a page of them by their paths, those after that path; an empty one is the end
///   {"do": "import.proven", "remote", "repo", "files"} -> {"proven": [true or false for each]}
///   {"do": "import.blob.begin", "digest", "size"} -> {"stored", "have"}
///   {"do": "import.blob.write", "digest", "offset", "bytes"}, bytes in base64
///   {"do": "import.blob.end", "digest"}
///   {"do": "import.files", "remote", "repo", "commit", "files", "replace"}
///   {"do": "import.commit", "remote", "description", "local_access"} -> {"readable"}
///
/// Throws what mirror::Intake and mirror::plan_export() throw, and kBadRequest for anything else.
Task<nlohmann::json> run_carry_command(Workbench bench, nlohmann::json command);

}  // namespace hubcache::app
