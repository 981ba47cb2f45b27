#include "hubcache/mirror/carry.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "hubcache/base/base64.h"
#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"
#include "hubcache/base/sha256.h"

#include "support/run.h"

namespace hubcache::mirror {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

const std::string kOne = "the bytes of one";
const std::string kTwo = "and two";
const std::string kCarriedCommit(40, 'a');

Digest git_of(const std::string& text) {
  Hasher hasher(Digest::Algorithm::kGitSha1, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.finish();
}

/// Stores what it is told to, as app's commands would.
struct Server {
  std::map<std::string, std::string> blobs;  // by digest: what was verified
  std::map<std::string, std::string> parts;
  std::map<std::string, std::string> files;  // path: its text
  std::vector<Description> commits;
  std::vector<bool> readable;
  std::vector<std::string> proven;

  Json give(const Json& command) {
    const std::string verb = command.at("do");
    if (verb == "import.proven") {
      auto known = Json::array();
      for (const auto& file : command.at("files")) {
        const auto digest = parse_file(file.get<std::string>()).digest.text();
        known.push_back(std::ranges::find(proven, digest) != proven.end());
      }
      return {{"proven", known}};
    }
    if (verb == "import.blob.begin") {
      const std::string digest = command.at("digest");
      parts[digest] = {};
      return {{"stored", blobs.contains(digest)}, {"have", 0}};
    }
    if (verb == "import.blob.write") {
      parts[command.at("digest")] += *base64_decode(command.at("bytes").get<std::string>());
    } else if (verb == "import.blob.end") {
      const std::string digest = command.at("digest");
      const auto& bytes = parts[digest];
      if (sha256_of(bytes).text() != digest && git_of(bytes).text() != digest) {
        throw Error(Error::Kind::kConflict, "its bytes are not what its digest says");
      }
      blobs[digest] = bytes;
    } else if (verb == "import.files") {
      for (const auto& file : command.at("files")) {
        const auto parsed = parse_file(file.get<std::string>());
        files[parsed.path] = file;
      }
    } else if (verb == "import.commit") {
      commits.push_back(parse_description(command.at("description").get<std::string>()));
      readable.push_back(commits.back().is_public || command.at("local_access").get<bool>());
      return {{"readable", readable.back()}};
    }
    return Json::object();
  }
};

class CarryTest : public testing::Test {
 protected:
  Description commit_of(std::string name) {
    return {.repo = {.type = hub::RepoType::kModel, .name = std::move(name)},
            .commit = kCarriedCommit,
            .revisions = {"main"},
            .is_public = true,
            .files = {{{.path = "one.bin", .digest = sha256_of(kOne), .size = kOne.size()}, false},
                      {{.path = "two.txt", .digest = git_of(kTwo), .size = kTwo.size()}, false},
                      {{.path = "none", .digest = git_of(""), .size = 0}, false}}};
  }

  std::vector<Description> export_to(ExportTarget& target, std::vector<Description> commits) {
    const OpenStored open = [this](const Digest& digest,
                                   std::uint64_t) -> std::optional<ReadBytes> {
      const auto found = stored.find(digest.text());
      if (found == stored.end()) return std::nullopt;
      ++opened;
      return [bytes = found->second](std::span<std::byte> into) mutable {
        const auto count = std::min(into.size(), bytes.size());
        std::memcpy(into.data(), bytes.data(), count);
        bytes.erase(0, count);
        return count;
      };
    };
    return export_commits(std::move(commits), open, target, complain, [](const Carried&) {});
  }
  void export_directory(std::vector<Description> commits) {
    const auto target = make_directory_target(out);
    export_to(*target, std::move(commits));
  }
  Imports import_of(ImportSource& source, bool local_access = false) {
    return import_all(
        source, [this](const Json& command) { return server.give(command); },
        {.remote = {}, .local_access = local_access}, complain, [](const Carried&) {});
  }
  Imports import_directory() { return import_of(*open_directory(out)); }
  fs::path blob_file(const Digest& digest) const { return out / blob_name(digest); }
  bool was_told(const std::string& part) const {
    return std::ranges::any_of(
        told, [&part](const auto& what) { return what.find(part) != std::string::npos; });
  }

  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << text;
  }

  test::TempDir dir;
  fs::path out = dir.path() / "out";
  std::map<std::string, std::string> stored{{sha256_of(kOne).text(), kOne},
                                            {git_of(kTwo).text(), kTwo}};
  int opened = 0;
  Server server;
  std::vector<std::string> told;
  Complain complain = [this](const std::string& what) { told.push_back(what); };
};

TEST_F(CarryTest, WhatIsExportedIsImported) {
  export_directory({commit_of("org/x"), commit_of("org/y")});
  const auto imports = import_directory();
  EXPECT_TRUE(told.empty()) << told.front();
  EXPECT_EQ(imports.commits.size(), 2U);
  EXPECT_TRUE(imports.commits.at(0).readable);
  EXPECT_EQ(imports.carried.blobs, 2U);  // of both at once
  EXPECT_EQ(server.blobs, stored);
  EXPECT_EQ(server.files.size(), 3U);
  EXPECT_EQ(server.commits.at(1).revisions, std::vector<std::string>{"main"});
}

TEST_F(CarryTest, AnExportGoesOnWhereItWasCutAndKeepsWhatWasThere) {
  export_directory({commit_of("org/x")});
  EXPECT_EQ(opened, 2);
  fs::remove(blob_file(git_of(kTwo)));
  write(out / (blob_name(git_of(kTwo)) + ".part"), "half");  // it was killed here
  export_directory({commit_of("org/y")});
  EXPECT_EQ(opened, 3);
  EXPECT_EQ(import_directory().commits.size(), 2U);
  EXPECT_TRUE(told.empty());
}

TEST_F(CarryTest, ACommitWhoseBlobIsGoneOrFalseIsNotExported) {
  auto other = commit_of("org/y");
  other.files.pop_back();
  other.files.erase(other.files.begin());
  stored[sha256_of(kOne).text()] = "the bytes of 0ne";
  const auto target = make_directory_target(out);
  const auto done = export_to(*target, {commit_of("org/x"), other});
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].repo.name, "org/y");
  EXPECT_TRUE(was_told("hubcache verify"));
  EXPECT_FALSE(fs::exists(blob_file(sha256_of(kOne))));
  told.clear();
  EXPECT_EQ(import_directory().commits.size(), 1U);
  EXPECT_TRUE(told.empty());
}

TEST_F(CarryTest, FalseBytesAreNamedAndTheRestIsImported) {
  auto other = commit_of("org/y");
  other.files.erase(other.files.begin());
  export_directory({commit_of("org/x"), other});
  std::string bytes = kOne;
  bytes[0] ^= 1;
  write(blob_file(sha256_of(kOne)), bytes);
  const auto imports = import_directory();
  ASSERT_EQ(imports.commits.size(), 1U);
  EXPECT_EQ(imports.commits[0].description.repo.name, "org/y");
  EXPECT_TRUE(was_told("sha256:" + sha256_of(kOne).hex()));
  EXPECT_TRUE(was_told("org/x at " + kCarriedCommit + ": 1 of 3 files"));
  told.clear();
  EXPECT_EQ(check_all(*open_directory(out), complain, [](const Carried&) {}).commits.size(), 1U);
  EXPECT_TRUE(was_told("not what its digest says"));
}

TEST_F(CarryTest, BytesThatAreStoredAlreadyAreHashedAllTheSame) {
  export_directory({commit_of("org/x")});
  server.blobs = stored;
  write(blob_file(sha256_of(kOne)), "another 16 bytes");
  EXPECT_TRUE(import_directory().commits.empty());  // else naming a digest would show its bytes
  server.proven = {sha256_of(kOne).text(), git_of(kTwo).text()};
  EXPECT_EQ(import_directory().commits.size(), 1U);  // that very repo had them before
}

TEST_F(CarryTest, NoSymlinkIsFollowedAndNoPipeWaitedFor) {
  export_directory({commit_of("org/x")});
  const auto secret = dir.path() / "secret";
  write(secret, kOne);
  fs::remove(blob_file(sha256_of(kOne)));
  fs::create_symlink(secret, blob_file(sha256_of(kOne)));
  EXPECT_TRUE(import_directory().commits.empty());
  EXPECT_TRUE(was_told("no symlink"));

  fs::remove(blob_file(sha256_of(kOne)));
  ASSERT_EQ(::mkfifo(blob_file(sha256_of(kOne)).c_str(), 0600), 0);
  EXPECT_TRUE(import_directory().commits.empty());

  fs::rename(out / "blobs", dir.path() / "elsewhere");
  fs::create_directory_symlink(dir.path() / "elsewhere", out / "blobs");
  told.clear();
  EXPECT_TRUE(import_directory().commits.empty());
  EXPECT_TRUE(was_told("no symlink"));
  EXPECT_FALSE(server.blobs.contains(sha256_of(kOne).text()));
}

TEST_F(CarryTest, AFileOfAnotherSizeOrWithoutBytesIsNotBelieved) {
  auto lies = commit_of("org/x");
  lies.files[0].size += 1;
  auto empty = commit_of("org/y");
  empty.files[0].size = 0;
  auto other = commit_of("org/z");
  export_directory({commit_of("org/w")});
  const auto target = make_directory_target(out);
  for (const auto& commit : {lies, empty, other}) {
    const auto text = to_text(commit);
    target->put(description_name(sha256_of(text)), text);
  }
  Index index;
  for (const auto& commit : {empty, other, lies}) {
    const auto text = to_text(commit);
    index.items.push_back({.repo = commit.repo,
                           .commit = commit.commit,
                           .description = sha256_of(text),
                           .size = text.size()});
  }
  target->put(std::string(kIndexName), to_text(index));
  const auto imports = import_directory();
  ASSERT_EQ(imports.commits.size(), 1U);
  EXPECT_EQ(imports.commits[0].description.repo.name, "org/z");
  EXPECT_TRUE(was_told("org/x at"));
  EXPECT_TRUE(was_told("org/y at"));
}

TEST_F(CarryTest, ADescriptionThatIsNotTheOneOfTheIndexIsRefused) {
  export_directory({commit_of("org/x")});
  for (const auto& file : fs::directory_iterator(out / "repos")) {
    auto text = to_text(commit_of("org/y"));
    write(file.path(), text);
  }
  EXPECT_TRUE(import_directory().commits.empty());
  EXPECT_TRUE(was_told("its description is torn"));
  fs::remove(out / kIndexName);
  EXPECT_THROW(import_directory(), Error);
}

struct TarEntry {
  std::string name;
  std::string bytes;
  unsigned type = AE_IFREG;
  std::string link = {};
  bool hard = false;
};

class StreamTest : public CarryTest {
 protected:
  fs::path file = dir.path() / "stream.tar";

  void write_tar(const std::vector<TarEntry>& entries) const {
    auto* const tar = archive_write_new();
    archive_write_set_format_pax_restricted(tar);
    archive_write_open_filename(tar, file.c_str());
    for (const auto& each : entries) {
      auto* const entry = archive_entry_new();
      archive_entry_set_pathname(entry, each.name.c_str());
      archive_entry_set_filetype(entry, each.type);
      archive_entry_set_perm(entry, 0644);
      archive_entry_set_size(entry, static_cast<la_int64_t>(each.bytes.size()));
      if (!each.link.empty() && each.hard) archive_entry_set_hardlink(entry, each.link.c_str());
      if (!each.link.empty() && !each.hard) archive_entry_set_symlink(entry, each.link.c_str());
      archive_write_header(tar, entry);
      archive_write_data(tar, each.bytes.data(), each.bytes.size());
      archive_entry_free(entry);
    }
    archive_write_free(tar);
  }
  std::vector<TarEntry> good(const std::vector<Description>& commits) {
    std::vector<TarEntry> entries;
    Index index;
    for (const auto& commit : commits) {
      const auto text = to_text(commit);
      index.items.push_back({.repo = commit.repo,
                             .commit = commit.commit,
                             .description = sha256_of(text),
                             .size = text.size()});
      entries.push_back({.name = description_name(sha256_of(text)), .bytes = text});
    }
    entries.insert(entries.begin(), {.name = std::string(kIndexName), .bytes = to_text(index)});
    entries.push_back({.name = blob_name(sha256_of(kOne)), .bytes = kOne});
    entries.push_back({.name = blob_name(git_of(kTwo)), .bytes = kTwo});
    return entries;
  }
  Imports import_stream() {
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    return import_of(*open_stream(fd.get()));
  }
};

TEST_F(StreamTest, AStreamIsImportedAsItIsExported) {
  {
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const auto target = make_stream_target(fd.get());
    export_to(*target, {commit_of("org/x")});
  }
  EXPECT_EQ(import_stream().commits.size(), 1U);
  EXPECT_TRUE(told.empty()) << told.front();
  EXPECT_EQ(server.blobs, stored);
}

TEST_F(StreamTest, StrangeEntriesAreNamedAndTheRestIsImported) {
  auto entries = good({commit_of("org/x")});
  const auto last = entries.back();
  entries.pop_back();
  entries.push_back({.name = "../../etc/passwd", .bytes = "root"});
  entries.push_back({.name = "/absolute", .bytes = "x"});
  entries.push_back(
      {.name = blob_name(sha256_of("z")), .bytes = {}, .type = AE_IFLNK, .link = "/etc/passwd"});
  entries.push_back({.name = blob_name(sha256_of("h")),
                     .bytes = {},
                     .type = AE_IFREG,
                     .link = blob_name(sha256_of(kOne)),
                     .hard = true});
  entries.push_back({.name = "pipe", .bytes = {}, .type = AE_IFIFO});
  entries.push_back({.name = "blobs", .bytes = {}, .type = AE_IFDIR});
  entries.push_back({.name = blob_name(sha256_of(kOne)), .bytes = kOne});  // again
  entries.push_back({.name = blob_name(sha256_of("u")), .bytes = "u"});    // unasked for: ignored
  entries.push_back(last);
  write_tar(entries);
  EXPECT_EQ(import_stream().commits.size(), 1U);
  EXPECT_EQ(server.blobs, stored);
  EXPECT_EQ(told.size(), 7U);
  EXPECT_TRUE(was_told("comes twice"));
  EXPECT_TRUE(was_told("../../etc/passwd"));
}

TEST_F(StreamTest, AStreamThatIsCutImportsWhatIsWholeInIt) {
  auto small = commit_of("org/y");
  small.files.pop_back();
  small.files.pop_back();
  write_tar(good({commit_of("org/x"), small}));
  const auto size = fs::file_size(file);
  for (std::uintmax_t length = 0; length < size; length += 512) {
    fs::resize_file(file, size);
    write_tar(good({commit_of("org/x"), small}));
    fs::resize_file(file, length);
    told.clear();
    server = {};
    try {
      const auto imports = import_stream();
      EXPECT_TRUE(imports.commits.size() == 2 || !told.empty()) << length;
    } catch (const Error&) {
      EXPECT_TRUE(server.commits.empty());
    }
    for (const auto& [digest, bytes] : server.blobs) EXPECT_EQ(stored.at(digest), bytes);
  }
}

TEST_F(StreamTest, WhatDoesNotBeginWithAnIndexIsNoExport) {
  auto entries = good({commit_of("org/x")});
  std::swap(entries[0], entries[1]);
  write_tar(entries);
  EXPECT_THROW(import_stream(), Error);
  write(file, std::string(100'000, 'x'));
  EXPECT_THROW(import_stream(), Error);
}

class HfHomeTest : public CarryTest {
 protected:
  const fs::path home = dir.path() / "home";
  const fs::path repo = home / "hub" / "models--org--x";
  const fs::path snapshot = repo / "snapshots" / kCarriedCommit;

  HfHomeTest() {
    write(repo / "blobs" / sha256_of(kOne).hex(), kOne);
    write(repo / "blobs" / git_of(kTwo).hex(), kTwo);
    write(repo / "refs" / "main", kCarriedCommit);
    link("one.bin", "../../blobs/" + sha256_of(kOne).hex());
    link("deep/two.txt", "../../../blobs/" + git_of(kTwo).hex());
  }
  void link(const std::string& path, const std::string& target) const {
    fs::create_directories((snapshot / path).parent_path());
    fs::create_symlink(target, snapshot / path);
  }
  Imports import_home(const fs::path& folder) { return import_of(*open_hf_home(folder), true); }
};

TEST_F(HfHomeTest, SnapshotsAreImportedAndNoAbsenceIsLearned) {
  const auto imports = import_home(home);
  EXPECT_TRUE(told.empty()) << told.front();
  ASSERT_EQ(imports.commits.size(), 1U);
  EXPECT_EQ(imports.commits[0].description.repo.name, "org/x");
  EXPECT_FALSE(server.commits.at(0).whole);
  EXPECT_FALSE(server.commits.at(0).is_public);
  EXPECT_EQ(server.commits.at(0).revisions, std::vector<std::string>{"main"});
  EXPECT_EQ(server.files.size(), 2U);
  EXPECT_TRUE(server.files.contains("deep/two.txt"));
  EXPECT_EQ(server.blobs, stored);
  server = {};
  EXPECT_EQ(import_home(home / "hub").commits.size(), 1U);  // either folder will do
}

TEST_F(HfHomeTest, WhatIsNotAsTheClientMakesItIsNamedAndLeftOut) {
  write(dir.path() / "secret", "secret");
  const std::string one = sha256_of(kOne).hex();
  link("out", (dir.path() / "secret").string());
  link("up", "../../../../../secret");
  link("other-repo", "../../../models--org--y/blobs/" + one);
  link("case", "../../blobs/" + std::string(64, 'A'));
  link("gone", "../../blobs/" + std::string(64, '0'));
  write(snapshot / "copy", kOne);
  fs::create_symlink(dir.path(), snapshot / "folder");
  write(repo / "snapshots" / "main" / "x", "x");
  fs::create_symlink(dir.path() / "secret", repo / "blobs" / std::string(64, '1'));
  link("blob-is-link", "../../blobs/" + std::string(64, '1'));
  write(repo / "blobs" / std::string(64, '2'), "false");
  link("false", "../../blobs/" + std::string(64, '2'));
  const auto imports = import_home(home);
  ASSERT_EQ(imports.commits.size(), 1U);
  EXPECT_EQ(server.files.size(), 2U);
  EXPECT_EQ(server.blobs, stored);
  for (const std::string name : {"out", "up", "other-repo", "case", "gone", "copy", "folder",
                                 "snapshots/main", "blob-is-link", "sha256:2222"}) {
    EXPECT_TRUE(was_told(name)) << name;
  }
}

TEST_F(HfHomeTest, TheFoldersOfOthersAreNoRepos) {
  fs::rename(repo, home / "hub" / "models--..--x");
  EXPECT_THROW(import_home(home), Error);
}

}  // namespace
}  // namespace hubcache::mirror
