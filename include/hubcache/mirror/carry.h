#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "hubcache/mirror/bundle.h"
#include "hubcache/mirror/export_target.h"
#include "hubcache/mirror/import_source.h"

namespace hubcache::mirror {

/// Gives a command (app/carry_commands.h) to whoever has the data directory, and returns the
/// answer. Throws its refusal.
using Order = std::function<nlohmann::json(const nlohmann::json& command)>;

/// How far it is; called now and then.
struct Carried {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t all_blobs = 0;
  std::uint64_t all_bytes = 0;
};
using Progress = std::function<void(const Carried& carried)>;

/// Opens a stored blob; nullopt when it is not there.
using OpenStored =
    std::function<std::optional<ReadBytes>(const Digest& digest, std::uint64_t size)>;

/// Blobs as they are stored in a data directory, whoever has it.
OpenStored stored_in(const std::filesystem::path& data_dir);

/// Writes commits and their blobs. A commit that turns out not to be whole is complained of and
/// left out of the index; in a stream, whose index comes first, only its blobs. Returns what is in
/// the index now and was asked for. Blocks. Throws what the target does.
std::vector<Description> export_commits(std::vector<Description> commits, const OpenStored& open,
                                        ExportTarget& target, const Complain& complain,
                                        const Progress& progress);

struct ImportWishes {
  std::string remote;         // empty: the usual one
  bool local_access = false;  // what is not public, too, is readable by whom the guards admit
  bool replace = false;
};
struct Imports {
  struct Commit {
    Description description;  // without its files
    bool readable = false;    // offline, by whom the guards admit
  };
  std::vector<Commit> commits;
  Carried carried;
};
/// Brings in what a source has, as far as it proves to be right: bytes are hashed where they are
/// stored, a commit's files are known after all of them were. What fails is complained of, the rest
/// goes on. Blocks. Throws what the source does, and what makes all further orders fail.
Imports import_all(ImportSource& source, const Order& order, const ImportWishes& wishes,
                   const Complain& complain, const Progress& progress);
/// The same without bringing in anything: is it whole and right?
Imports check_all(ImportSource& source, const Complain& complain, const Progress& progress);

}  // namespace hubcache::mirror
