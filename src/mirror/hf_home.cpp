#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hubcache/base/error.h"
#include "hubcache/base/text.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/mirror/import_source.h"

#include "careful_files.h"
#include "described.h"

namespace hubcache::mirror {
namespace {

constexpr std::size_t kMostFolders = 100'000;
constexpr std::size_t kMostFiles = 200'000;  // of a directory, and of a snapshot
constexpr int kDeepest = 32;                 // directories of a snapshot, one in another
constexpr std::string_view kBetween = "--";

/// These names one in another, those that are not empty.
std::string path_of(std::initializer_list<std::string_view> names) {
  std::string path;
  for (const auto name : names) {
    if (!path.empty() && !name.empty()) path += '/';
    path += name;
  }
  return path;
}

/// "models--org--name" as a repo; nullopt for what is no repo's folder.
std::optional<hub::RepoId> repo_of_folder(std::string_view folder) {
  for (const auto type : hub::kRepoTypes) {
    const auto before = std::string(hub::api_segment(type)) + std::string(kBetween);
    if (!folder.starts_with(before)) continue;
    std::string name(folder.substr(before.size()));
    const auto between = name.find(kBetween);
    if (between != std::string::npos) name.replace(between, kBetween.size(), "/");
    if (hub::is_repo_name(name)) return hub::RepoId{.type = type, .name = std::move(name)};
  }
  return std::nullopt;
}

/// hub/models--org--name/{refs,snapshots,blobs} (contract/hub.md): blobs are named by their ETag.
class HfHomeSource final : public ImportSource {
 public:
  explicit HfHomeSource(const std::filesystem::path& home) : root_(open_root(home.string())) {
    if (kind_of(root_, "hub") == FileKind::kDirectory) hub_ = "hub/";
  }

  std::vector<Description> descriptions(const Complain& complain) override {
    std::vector<Description> all;
    for (const auto& folder : names_in(root_, hub_.empty() ? "" : "hub", kMostFolders)) {
      const auto repo = repo_of_folder(folder);
      if (!repo) continue;
      with_complaint(complain, printable(folder), [&] {
        for (auto& description : snapshots_of(*repo, hub_ + folder, complain)) {
          all.push_back(std::move(description));
        }
      });
    }
    if (all.empty()) {
      throw Error(Error::Kind::kBadRequest,
                  "there is no snapshot of a repository: an HF_HOME has them below hub/");
    }
    return all;
  }

  void blobs(const std::map<Digest, std::uint64_t>& wanted, const Take& take,
             const Complain& complain) override {
    for (const auto& [digest, size] : wanted) {
      with_complaint(complain, digest.text(), [&] {
        const auto found = places_.find(digest);
        const auto file =
            found == places_.end() ? std::optional<PlainFile>() : open_plain(root_, found->second);
        if (!file) throw Error(Error::Kind::kNotFound, "it is missing");
        if (file->size != size) throw Error(Error::Kind::kCorrupt, "it has another size");
        take(digest, size, reader_of(*file));
      });
    }
  }

 private:
  std::vector<Description> snapshots_of(const hub::RepoId& repo, const std::string& folder,
                                        const Complain& complain) {
    std::vector<Description> snapshots;
    for (const auto& commit : names_in(root_, path_of({folder, "snapshots"}), kMostFiles)) {
      if (!hub::is_commit_id(commit)) {
        complain(printable(path_of({folder, "snapshots", commit})) + ": it is no commit");
        continue;
      }
      Description description{.repo = repo, .commit = commit, .whole = false};
      add_files(description, folder, path_of({"snapshots", commit}), "", 0, complain);
      snapshots.push_back(std::move(description));
    }
    add_refs(snapshots, folder, "refs", "", 0, complain);
    return snapshots;
  }

  void add_files(Description& description, const std::string& folder, const std::string& snapshot,
                 const std::string& below, int depth, const Complain& complain) {
    if (depth == kDeepest) throw Error(Error::Kind::kBadRequest, "a snapshot is too deep");
    const auto directory = path_of({folder, snapshot, below});
    for (const auto& name : names_in(root_, directory, kMostFiles)) {
      const auto path = path_of({below, name});
      const auto file = path_of({folder, snapshot, path});
      with_complaint(complain, printable(file), [&] {
        switch (kind_of(root_, file)) {
          case FileKind::kDirectory:
            add_files(description, folder, snapshot, path, depth + 1, complain);
            break;
          case FileKind::kLink:
            add_file(description, folder, path, link_target(root_, file), depth);
            break;
          case FileKind::kPlain:
            throw Error(Error::Kind::kBadRequest,
                        "a copy and no symlink to a blob: it does not "
                        "tell its digest");
          case FileKind::kOther:
          case FileKind::kNone:
            throw Error(Error::Kind::kBadRequest, "it is neither a file nor a symlink");
        }
      });
    }
  }

  void add_file(Description& description, const std::string& folder, const std::string& path,
                std::string_view target, int depth) {
    std::string before = "../../";
    for (int i = 0; i < depth; ++i) before += "../";
    before += "blobs/";
    const auto etag = target.substr(std::min(before.size(), target.size()));
    const auto digest = Digest::from_etag(etag);
    if (!target.starts_with(before) || !digest || digest->hex() != etag) {
      throw Error(Error::Kind::kBadRequest,
                  "the symlink does not lead to a blob of its repository");
    }
    if (description.files.size() == kMostFiles) {
      throw Error(Error::Kind::kBadRequest, "a snapshot has too many files");
    }
    const auto place = folder + "/blobs/" + digest->hex();
    const auto blob = open_plain(root_, place);
    if (!blob) throw Error(Error::Kind::kNotFound, "its blob is missing");
    places_.insert({*digest, place});
    // Through the grammar that all descriptions go through.
    description.files.push_back(
        parse_file(to_text(BundleFile{{.path = path, .digest = *digest, .size = blob->size}})));
  }

  void add_refs(std::vector<Description>& snapshots, const std::string& folder,
                const std::string& directory, const std::string& below, int depth,
                const Complain& complain) {
    if (depth == kDeepest) return;
    for (const auto& name : names_in(root_, path_of({folder, directory}), kMostFiles)) {
      const auto file = path_of({folder, directory, name});
      const auto revision = path_of({below, name});
      with_complaint(complain, printable(file), [&] {
        if (kind_of(root_, file) == FileKind::kDirectory) {
          add_refs(snapshots, folder, path_of({directory, name}), revision, depth + 1, complain);
          return;
        }
        constexpr std::size_t kLongest = 64;
        const auto text = read_plain(root_, file, kLongest);
        const std::string commit(trimmed(text.value_or("")));
        const auto found = std::ranges::find(snapshots, commit, &Description::commit);
        if (found == snapshots.end()) return;  // its snapshot was removed
        require_revision(revision, commit);
        found->revisions.push_back(revision);
      });
    }
  }

  Fd root_;
  std::string hub_;  // where the folders of repos are: "hub/" or ""
  std::map<Digest, std::string> places_;
};

}  // namespace

std::unique_ptr<ImportSource> open_hf_home(const std::filesystem::path& home) {
  return std::make_unique<HfHomeSource>(home);
}

}  // namespace hubcache::mirror
