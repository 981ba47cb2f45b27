#include "hubcache/app/carry_arguments.h"

#include <cstdint>
#include <iostream>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "hubcache/app/commands.h"
#include "hubcache/app/fetch_list.h"
#include "hubcache/app/progress.h"
#include "hubcache/base/error.h"
#include "hubcache/mirror/carry.h"

namespace hubcache::app {
namespace {

using CarryJson = nlohmann::json;

constexpr std::string_view kStream = "-";
constexpr std::size_t kMostLacking = 5;

/// Complaints go to where they are read; how many there were is the exit code.
class Complaints {
 public:
  mirror::Complain hear() {
    return [this](const std::string& what) {
      ++count_;
      std::cerr << "hubcache: " << printable(what) << "\n";
    };
  }
  int exit_code() const { return count_ == 0 ? 0 : 1; }

 private:
  std::size_t count_ = 0;
};

/// On a terminal one line that is written over; else nothing.
mirror::Progress show_progress() {
  if (::isatty(STDERR_FILENO) == 0) return [](const mirror::Carried& /*carried*/) {};
  return [](const mirror::Carried& carried) {
    constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
    std::cerr << "\r" << carried.blobs << " of " << carried.all_blobs << " blobs, "
              << carried.bytes / kMiB << " of " << carried.all_bytes / kMiB << " MiB" << std::flush;
    if (carried.blobs == carried.all_blobs) std::cerr << "\n";
  };
}

/// Throws kNotFound, which says what is missing and how to get it.
void require_stored(const mirror::Description& commit, const mirror::OpenStored& open,
                    const std::string& asked) {
  std::size_t all = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> lacking;
  for (const auto& file : commit.files) {
    if (file.left_out || file.size == 0) continue;
    ++all;
    if (open(file.digest, file.size)) continue;
    bytes += file.size;
    lacking.push_back(mirror::printable(file.path));
  }
  if (lacking.empty()) return;
  std::string told = std::to_string(lacking.size()) + " of its " + std::to_string(all) +
                     " files, with " + std::to_string(bytes) + " bytes, are not stored: ";
  for (std::size_t i = 0; i < lacking.size() && i < kMostLacking; ++i) {
    told += (i == 0 ? "" : ", ") + lacking[i];
  }
  if (lacking.size() > kMostLacking) told += ", ...";
  throw Error(Error::Kind::kNotFound, told + "; get them by `hubcache fetch " + asked + "`");
}

mirror::Description describe(Orders& orders, const std::string& remote, const FileFilter& filter,
                             const std::string& text, const mirror::OpenStored& open) {
  const auto asked = fetch_target(text);
  CarryJson plan;
  try {
    plan = orders.give({{"do", "export.commit"},
                        {"remote", remote},
                        {"repo", asked.repo.key()},
                        {"revision", asked.revision}});
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::kCancelled) throw;
    throw Error(error.kind(),
                std::string(error.what()) + "; find out by `hubcache fetch " + text + "`");
  }
  auto commit = mirror::parse_description(plan.at("description").get<std::string>());
  std::string after;
  while (true) {
    const auto page =
        orders.give({{"do", "export.files"}, {"key", plan.at("key")}, {"after", after}});
    if (page.at("files").empty()) break;
    for (const auto& line : page.at("files")) {
      auto file = mirror::parse_file(line.get<std::string>());
      file.left_out = !filter.takes(file.path);
      after = file.path;
      commit.files.push_back(std::move(file));
    }
  }
  require_stored(commit, open, text);
  return commit;
}

/// The same commit by another revision is one.
void add_commit(std::vector<mirror::Description>& commits, mirror::Description commit) {
  for (auto& other : commits) {
    if (other.repo != commit.repo || other.commit != commit.commit) continue;
    for (auto& revision : commit.revisions) other.revisions.push_back(std::move(revision));
    return;
  }
  commits.push_back(std::move(commit));
}

std::unique_ptr<mirror::ExportTarget> target_of(const std::string& to) {
  if (to != kStream) return mirror::make_directory_target(to);
  if (::isatty(STDOUT_FILENO) == 1) {
    throw Error(Error::Kind::kBadRequest, "a terminal is no place for an export");
  }
  return mirror::make_stream_target(STDOUT_FILENO);
}

int export_to(const Workplace& at, const CarryArguments& arguments) {
  const FileFilter filter(arguments.globs, {});
  Orders orders(at);
  Complaints complaints;
  const auto open = mirror::stored_in(at.config.storage.data_dir);
  std::vector<mirror::Description> commits;
  for (const auto& text : arguments.commits) {
    try {
      add_commit(commits, describe(orders, arguments.remote, filter, text, open));
    } catch (const Error& error) {
      if (error.kind() == Error::Kind::kCancelled) throw;
      complaints.hear()(text + ": " + error.what());
    }
  }
  const auto target = target_of(arguments.to);
  const auto exported =
      mirror::export_commits(std::move(commits), open, *target, complaints.hear(), show_progress());
  for (const auto& commit : exported) {
    std::cerr << "exported " << mirror::name_of(commit) << (commit.is_public ? "" : ", not public")
              << "\n";
  }
  return complaints.exit_code();
}

std::unique_ptr<mirror::ImportSource> source_of(const CarryArguments& arguments) {
  if (arguments.from.empty() == arguments.hf_home.empty()) {
    throw Error(Error::Kind::kBadRequest,
                "say what to import: a directory, - for a stream, or --hf-home DIR");
  }
  if (!arguments.hf_home.empty()) return mirror::open_hf_home(arguments.hf_home);
  if (arguments.from == kStream) return mirror::open_stream(STDIN_FILENO);
  return mirror::open_directory(arguments.from);
}

int check_export(const CarryArguments& arguments) {
  Complaints complaints;
  const auto source = source_of(arguments);
  const auto checked = mirror::check_all(*source, complaints.hear(), show_progress());
  for (const auto& commit : checked.commits) {
    std::cout << "right: " << mirror::name_of(commit.description) << "\n";
  }
  std::cout << checked.carried.blobs << " blobs with " << checked.carried.bytes
            << " bytes are what their digests say\n";
  return complaints.exit_code();
}

int import_from(const Workplace& at, const CarryArguments& arguments) {
  Orders orders(at);
  Complaints complaints;
  const auto source = source_of(arguments);
  const auto imports = mirror::import_all(
      *source, [&orders](const CarryJson& command) { return orders.give(command); },
      {.remote = arguments.remote,
       .local_access = arguments.local_access,
       .replace = arguments.replace},
      complaints.hear(), show_progress());
  bool all_readable = true;
  for (const auto& commit : imports.commits) {
    all_readable = all_readable && commit.readable;
    std::cout << "imported " << mirror::name_of(commit.description)
              << (commit.readable ? "" : ", not readable while offline") << "\n";
  }
  std::cout << imports.carried.blobs << " blobs with " << imports.carried.bytes
            << " bytes were read and are right\n";
  if (!all_readable) {
    std::cout << "What is not known to be public is readable while offline after "
                 "`import --local-access` only.\n";
  }
  return complaints.exit_code();
}

}  // namespace

void add_carry_commands(CLI::App& app, CarryArguments& arguments, Place& place) {
  const auto add = [&](const std::string& verb, const std::string& help) {
    auto* const command = app.add_subcommand(verb, help);
    // An export reads the stored files themselves.
    verb == "export" ? add_data_dir(*command, place) : add_place(*command, place);
    command->add_option("--remote", arguments.remote, "Whose repositories; if there are several");
    command->callback([&arguments, verb] { arguments.verb = verb; });
    return command;
  };
  auto* const out = add("export", "Write cached repositories to a directory or a stream");
  out->add_option("repo", arguments.commits, "As org/name@main or datasets/org/name@COMMIT")
      ->required();
  out->add_option("--to", arguments.to, "A directory, or - for a tar stream")->required();
  out->add_option("--include", arguments.globs, "Only files like this; may be repeated")
      ->allow_extra_args(false);
  out->footer(
      "Run it again and it writes what is missing. What is there is checked by import --check.\n"
      "Example: hubcache export org/model@main datasets/org/data --to /media/disk/export\n"
      "Example: hubcache export org/model --include \"*.safetensors\" --to - | zstd > model.zst");
  auto* const in =
      add("import", "Bring in what `hubcache export` wrote, or a cache of Python clients");
  in->add_option("from", arguments.from, "A directory, or - for a tar stream");
  in->add_option("--hf-home", arguments.hf_home, "A folder that HF_HOME names, instead");
  in->add_flag("--check", arguments.check, "Only look whether it is whole and right");
  in->add_flag("--local-access", arguments.local_access,
               "What is not public, too, is readable while offline, by whom the guards admit");
  in->add_flag("--replace", arguments.replace,
               "What was imported of the same commit before was false");
  in->footer(
      "All is hashed; what is not right is named and left out, the rest is brought in.\n"
      "Example: hubcache import --check /media/disk/export\n"
      "Example: zstd -d < model.zst | hubcache import -\n"
      "Example: hubcache import --hf-home ~/.cache/huggingface --local-access");
}

int run_carry_arguments(const Workplace& at, const CarryArguments& arguments) {
  if (*arguments.verb == "export") return export_to(at, arguments);
  return arguments.check ? check_export(arguments) : import_from(at, arguments);
}

}  // namespace hubcache::app
