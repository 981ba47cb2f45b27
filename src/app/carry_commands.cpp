#include "hubcache/app/carry_commands.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/base64.h"
#include "hubcache/base/error.h"
#include "hubcache/catalog/imported.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/imported.h"
#include "hubcache/mirror/export_plan.h"
#include "hubcache/mirror/intake.h"

namespace hubcache::app {
namespace {

using CarryJson = nlohmann::json;

constexpr std::size_t kFilesOfPage = 1'000;

[[noreturn]] void refuse_carry(const char* field) {
  throw Error(Error::Kind::kBadRequest, std::string("the command needs a right ") + field);
}

Digest carried_digest(const CarryJson& command) {
  auto digest = Digest::from_text(text_of(command, "digest"));
  if (!digest) refuse_carry("digest");
  return *std::move(digest);
}

std::uint64_t carried_number(const CarryJson& command, const char* field) {
  const auto found = command.find(field);
  if (found == command.end() || !found->is_number_unsigned()) refuse_carry(field);
  return found->get<std::uint64_t>();
}

bool carried_flag(const CarryJson& command, const char* field) {
  const auto found = command.find(field);
  if (found == command.end() || !found->is_boolean()) refuse_carry(field);
  return found->get<bool>();
}

std::vector<mirror::BundleFile> carried_files(const CarryJson& command) {
  const auto found = command.find("files");
  if (found == command.end() || !found->is_array()) refuse_carry("files");
  std::vector<mirror::BundleFile> files;
  for (const auto& file : *found) {
    if (!file.is_string()) refuse_carry("files");
    files.push_back(mirror::parse_file(file.get_ref<const std::string&>()));
  }
  return files;
}

Task<hub::EndpointPtr> carried_twin(db::Database& database, std::string remote) {
  auto find = [remote = std::move(remote)](db::Connection& sql) {
    return mirror::endpoint_of_remote(sql, remote);
  };
  const auto endpoint = co_await database.read(std::move(find));
  co_return hub::imported_twin(endpoint);
}

Task<CarryJson> plan_commit(db::Database& database, CarryJson command) {
  auto plan = [remote = text_of(command, "remote"),
               repo = mirror::parse_repo(text_of(command, "repo")),
               revision = text_of(command, "revision")](db::Connection& sql) {
    return mirror::plan_export(sql, mirror::endpoint_of_remote(sql, remote), repo, revision);
  };
  const auto planned = co_await database.read(std::move(plan));
  CarryJson result{{"description", mirror::to_text(planned.description)},
                   {"key", planned.commit_key}};
  co_return result;
}

Task<CarryJson> page_of_files(db::Database& database, CarryJson command) {
  auto list = [key = text_of(command, "key"),
               after = text_of(command, "after")](db::Connection& sql) {
    return catalog::files_after(sql, key, after, kFilesOfPage);
  };
  auto texts = CarryJson::array();
  for (auto& file : co_await database.read(std::move(list))) {
    texts.push_back(mirror::to_text(mirror::BundleFile{std::move(file)}));
  }
  CarryJson result{{"files", std::move(texts)}};
  co_return result;
}

Task<CarryJson> say_proven(Workbench bench, CarryJson command) {
  auto twin = co_await carried_twin(bench.database, text_of(command, "remote"));
  std::vector<Digest> digests;
  for (auto& file : carried_files(command)) digests.push_back(std::move(file.digest));
  auto known = co_await bench.intake.proven(
      std::move(twin), mirror::parse_repo(text_of(command, "repo")), std::move(digests));
  CarryJson result{{"proven", known}};
  co_return result;
}

Task<CarryJson> begin_blob(mirror::Intake& intake, CarryJson command) {
  const auto size = carried_number(command, "size");
  if (size == 0 || size > mirror::kLargestFile) refuse_carry("size");
  const auto begun = co_await intake.begin(carried_digest(command), size);
  CarryJson result{{"stored", begun.stored}, {"have", begun.have}};
  co_return result;
}

Task<> write_blob(mirror::Intake& intake, CarryJson command) {
  auto bytes = base64_decode(text_of(command, "bytes"));
  if (!bytes) refuse_carry("bytes");
  co_await intake.write(carried_digest(command), carried_number(command, "offset"),
                        *std::move(bytes));
}

Task<> keep_files(Workbench bench, CarryJson command) {
  mirror::Description commit{.repo = mirror::parse_repo(text_of(command, "repo")),
                             .commit = text_of(command, "commit"),
                             .files = carried_files(command)};
  if (!hub::is_commit_id(commit.commit)) refuse_carry("commit");
  auto twin = co_await carried_twin(bench.database, text_of(command, "remote"));
  co_await bench.intake.keep_files(std::move(twin), std::move(commit),
                                   carried_flag(command, "replace"));
}

Task<CarryJson> keep_commit(Workbench bench, CarryJson command) {
  auto commit = mirror::parse_description(text_of(command, "description"));
  auto twin = co_await carried_twin(bench.database, text_of(command, "remote"));
  const bool readable = commit.is_public || carried_flag(command, "local_access");
  co_await bench.intake.keep_commit(std::move(twin), std::move(commit), readable);
  CarryJson result{{"readable", readable}};
  co_return result;
}

}  // namespace

Task<CarryJson> run_carry_command(Workbench bench, CarryJson command) {
  const auto verb = text_of(command, "do");
  if (verb == "export.commit") co_return co_await plan_commit(bench.database, std::move(command));
  if (verb == "export.files") co_return co_await page_of_files(bench.database, std::move(command));
  if (verb == "import.proven") co_return co_await say_proven(bench, std::move(command));
  if (verb == "import.commit") co_return co_await keep_commit(bench, std::move(command));
  if (verb == "import.blob.begin") {
    co_return co_await begin_blob(bench.intake, std::move(command));
  }
  if (verb == "import.blob.write") {
    co_await write_blob(bench.intake, std::move(command));
  } else if (verb == "import.blob.end") {
    co_await bench.intake.end(carried_digest(command));
  } else if (verb == "import.files") {
    co_await keep_files(bench, std::move(command));
  } else {
    throw Error(Error::Kind::kBadRequest, "there is no command \"" + verb + "\"");
  }
  co_return CarryJson::object();
}

}  // namespace hubcache::app
