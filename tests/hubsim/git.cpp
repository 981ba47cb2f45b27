#include "hubsim/git.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/evp.h>

#include "hubcache/base/digest.h"

namespace hubsim {
namespace {

std::string sha1(std::string_view bytes) {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha1(), nullptr) != 1) {
    throw std::runtime_error("sha1");
  }
  return {digest.data(), size};
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

struct Node {
  std::string oid;
  bool directory;
};
// Git sorts a tree's entries as if a directory's name ended in a slash.
using Directory = std::map<std::string, std::pair<std::string, Node>>;

std::string tree_id(const Directory& directory) {
  std::string payload;
  for (const auto& [order, named] : directory) {
    const auto& [name, node] = named;
    payload += node.directory ? "40000 " : "100644 ";
    payload += name;
    payload += '\0';
    payload += from_hex(node.oid);
  }
  return git_object_id("tree", payload);
}

}  // namespace

bool PathLess::operator()(std::string_view a, std::string_view b) const noexcept {
  const auto rank = [](char c) {
    return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c));
  };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

std::string git_object_id(std::string_view kind, std::string_view payload) {
  std::string object(kind);
  object += ' ' + std::to_string(payload.size());
  object += '\0';
  object += payload;
  return hubcache::to_hex(sha1(object));
}

std::string lfs_pointer(std::string_view sha256, std::uint64_t size) {
  return "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(sha256) +
         "\nsize " + std::to_string(size) + "\n";
}

std::map<std::string, std::string, PathLess> git_trees(
    const std::vector<std::pair<std::string_view, std::string_view>>& files) {
  std::map<std::string, Directory, PathLess> directories;
  directories[""];
  for (const auto& [path, oid] : files) {
    std::string folder;
    std::string_view rest = path;
    for (auto slash = rest.find('/'); slash != rest.npos; slash = rest.find('/')) {
      folder = std::string(path.substr(0, path.size() - rest.size() + slash));
      directories[folder];
      rest.remove_prefix(slash + 1);
    }
    directories[folder][std::string(rest)] = {std::string(rest), Node{std::string(oid), false}};
  }
  std::map<std::string, std::string, PathLess> ids;
  // A directory comes before what is in it, so backwards every child is ready before its parent.
  for (auto at = directories.rbegin(); at != directories.rend(); ++at) {
    const auto& path = at->first;
    const auto id = tree_id(at->second);
    ids[path] = id;
    if (path.empty()) continue;
    const auto slash = path.rfind('/');
    const auto parent = slash == path.npos ? std::string() : path.substr(0, slash);
    const auto name = slash == path.npos ? path : path.substr(slash + 1);
    directories[parent][name + "/"] = {name, Node{id, true}};
  }
  return ids;
}

std::string git_commit_id(const CommitText& commit) {
  std::string text = "tree " + std::string(commit.tree) + "\n";
  if (!commit.parent.empty()) text += "parent " + std::string(commit.parent) + "\n";
  const auto signature =
      std::string(commit.author) + " " + std::to_string(commit.time) + " +0000\n";
  text += "author " + signature + "committer " + signature + "\n";
  text += commit.message;
  text += "\n";
  return git_object_id("commit", text);
}

}  // namespace hubsim
