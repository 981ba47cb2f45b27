#include <chrono>
#include <optional>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/hub/hub.h"
#include "hubcache/hub/urls.h"

#include "answers.h"
#include "asking.h"
#include "lfs_batch.h"
#include "requests.h"

// What git and git-lfs ask the Hub for.
namespace hubcache::hub {
namespace {

constexpr std::string_view kLfsType = "application/vnd.git-lfs+json";

Error refusal_in(const Reply& reply) {
  return refusal_of(reply.status, error_code_of(reply.status, reply.headers),
                    error_message_of(reply.headers), value_of(reply.headers, "X-Repo-Commit"));
}

/// To make a pack may take the Hub minutes. A remote that says how long it may be silent is heeded;
/// 8 s, as for all other answers, is what it has when it says nothing.
std::optional<std::chrono::milliseconds> silence_for(const Endpoint& endpoint,
                                                     const PassedRequest& request) {
  constexpr std::chrono::minutes kSilence{10};
  if (request.method != "POST") return std::nullopt;
  const auto said = endpoint.timeouts.first_byte;
  return said == http::Timeouts{}.first_byte ? kSilence : said;
}

}  // namespace

Task<http::ClientResponse> Hub::pass(EndpointPtr endpoint, Credential credential,
                                     PassedRequest request) {
  Asker asker(means(), *endpoint, credential);
  const auto silence = silence_for(*endpoint, request);
  Question question{.method = std::move(request.method),
                    .target = std::move(request.target),
                    .form = std::move(request.body),
                    .headers = std::move(request.headers),
                    .repo = request.repo,
                    .subject = Outages::Subject::kGit,
                    .range = {},
                    .body_limit = std::nullopt,
                    .silence = silence};
  auto reply = co_await asker.ask(std::move(question));
  if (reply.elsewhere) {
    throw Error(Error::Kind::kUpstream, "The Hub redirects to another host", loggable(reply.url));
  }
  co_await heed(std::move(endpoint), credential, std::move(request.repo), reply.canonical,
                reply.status, reply.headers);
  if (reply.status != http_status::kOk) throw refusal_in(reply);
  auto response = *std::move(reply.wire);
  response.headers = std::move(reply.headers);
  co_return response;
}

Task<LfsAnswer> Hub::lfs_objects(EndpointPtr endpoint, Credential credential, RepoId repo,
                                 std::vector<LfsObject> objects) {
  Asker asker(means(), *endpoint, credential);
  Question question{.method = "POST",
                    .target = git_path(repo, ".git/info/lfs/objects/batch"),
                    .form = lfs_batch(objects),
                    .headers = {{"Content-Type", kLfsType}, {"Accept", kLfsType}},
                    .repo = repo,
                    .subject = Outages::Subject::kGit,
                    .range = {},
                    .body_limit = options_.max_document_bytes,
                    .room = options_.room};
  const auto reply = co_await asker.ask(std::move(question));
  if (reply.elsewhere) {
    throw Error(Error::Kind::kUpstream, "The Hub redirects to another host", loggable(reply.url));
  }
  co_await heed(std::move(endpoint), credential, std::move(repo), reply.canonical, reply.status,
                reply.headers);
  LfsAnswer answer{.status = reply.status,
                   .canonical = reply.canonical,
                   .error_code = error_code_of(reply.status, reply.headers),
                   .error_message = error_message_of(reply.headers),
                   .objects = {}};
  if (reply.status == http_status::kOk) {
    answer.objects = lfs_objects_in(reply.body, reply.url, objects);
  }
  co_return answer;
}

Task<FileAnswer> Hub::head_lfs(EndpointPtr endpoint, Credential credential, FileRef file) {
  FileAnswer answer;
  answer.status = http_status::kNotFound;
  answer.error_code = "EntryNotFound";
  answer.error_message = "Object does not exist";
  answer.canonical = file.repo;
  const auto asked = lfs_object_of(file);
  if (!asked) co_return answer;
  std::vector<LfsObject> wanted{*asked};
  auto said = co_await lfs_objects(std::move(endpoint), std::move(credential), std::move(file.repo),
                                   std::move(wanted));
  answer.canonical = std::move(said.canonical);
  if (said.status != http_status::kOk) {
    answer.status = said.status;
    answer.error_code = std::move(said.error_code);
    answer.error_message = std::move(said.error_message);
  } else if (!said.objects.empty()) {
    answer.status = http_status::kOk;
    answer.error_code.clear();
    answer.error_message.clear();
    answer.etag = asked->digest.hex();
    answer.digest = asked->digest;
    answer.size = asked->size;
    answer.location = std::move(said.objects.front().location);
  }
  co_return answer;
}

}  // namespace hubcache::hub
