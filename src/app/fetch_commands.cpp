#include "hubcache/app/fetch_commands.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

Error bad_field(const char* field) {
  return {Error::Kind::kBadRequest, std::string("the command needs another ") + field};
}

hub::RepoType type_in(const Json& command) {
  const auto text = text_of(command, "type");
  for (const auto type : hub::kRepoTypes) {
    if (hub::name_of(type) == text) return type;
  }
  throw bad_field("type");
}

Digest stored_digest_of(const std::string& text) {
  if (auto digest = Digest::from_text(text)) return *std::move(digest);
  throw bad_field("digest");
}

mirror::Fetch::Wish place_in(const Json& command) {
  return {.base_path = text_of(command, "distribution"),
          .token = command.contains("token") ? text_of(command, "token") : std::string(),
          .repo = {},
          .revision = {}};
}

mirror::Fetch::Wish wish_in(const Json& command) {
  auto wish = place_in(command);
  wish.repo = {.type = type_in(command), .name = text_of(command, "repo")};
  wish.revision = text_of(command, "revision");
  return wish;
}

Json json_of(const mirror::Fetch::Plan& plan) {
  Json files = Json::array();
  for (const auto& file : plan.files) {
    files.push_back({{"path", file.path},
                     {"digest", file.digest.text()},
                     {"size", file.size},
                     {"stored", file.stored}});
  }
  return {{"repo", plan.repo.name},
          {"commit", plan.commit},
          {"max_size", plan.max_size},
          {"files", std::move(files)}};
}

Task<Json> keep_file(mirror::Fetch& fetch, Json command) {
  const auto size = command.find("size");
  if (size == command.end() || !size->is_number_unsigned()) throw bad_field("size");
  mirror::Fetch::File file{.path = text_of(command, "path"),
                           .digest = stored_digest_of(text_of(command, "digest")),
                           .size = size->get<std::uint64_t>()};
  const bool pin = command.contains("pin") && command.at("pin") == true;
  std::string holder = pin ? kOperator : "";
  co_await fetch.keep(wish_in(command), std::move(file), std::move(holder));
  co_return Json::object();
}

Task<Json> show_present(mirror::Fetch& fetch, Json command) {
  const auto texts = command.find("digests");
  if (texts == command.end() || !texts->is_array()) throw bad_field("digests");
  std::vector<Digest> digests;
  digests.reserve(texts->size());
  for (const auto& text : *texts) {
    digests.push_back(stored_digest_of(text.is_string() ? text.get<std::string>() : ""));
  }
  Json present = Json::array();
  for (const auto& bytes : co_await fetch.present(place_in(command), std::move(digests))) {
    present.push_back(bytes ? Json(*bytes) : Json());
  }
  Json result{{"present", std::move(present)}};
  co_return result;
}

}  // namespace

Task<Json> run_fetch_command(mirror::Fetch& fetch, Json command) {
  const auto verb = text_of(command, "do");
  if (verb == "fetch.plan") {
    const auto plan = co_await fetch.plan(wish_in(command));
    co_return json_of(plan);
  }
  if (verb == "fetch.file") co_return co_await keep_file(fetch, std::move(command));
  if (verb == "fetch.present") co_return co_await show_present(fetch, std::move(command));
  throw Error(Error::Kind::kBadRequest, "there is no command \"" + verb + "\"");
}

}  // namespace hubcache::app
