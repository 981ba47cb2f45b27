#include "hubcache/hub/hub.h"

#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/hub/urls.h"

#include "answers.h"
#include "asking.h"
#include "delivery.h"
#include "info_document.h"
#include "requests.h"
#include "sending.h"

namespace hubcache::hub {
namespace {

constexpr std::size_t kMaxErrorBody = 64UL * 1024;

std::string commit_of(const Reply& reply) {
  auto commit = reply.first_of("X-Repo-Commit");
  if (!is_commit_id(commit)) commit.clear();
  return commit;
}

/// The file's size, if the hub's own headers tell it. The length of a redirect's body is not it.
std::optional<std::uint64_t> size_of(const Reply& reply) {
  if (const auto linked = number_of(reply.first_of("X-Linked-Size"))) return linked;
  if (reply.status != http_status::kOk || !is_identity(reply.headers)) return std::nullopt;
  return reply.content_length;
}

/// Does a redirect that leaves the hub say which file it leads to?
bool names_file(const Reply& reply) {
  return !reply.first_of("X-Linked-ETag").empty() || !commit_of(reply).empty();
}

/// The answer to a HEAD, `size` and the refusals of a redirect left out.
FileAnswer file_answer(const Reply& reply) {
  FileAnswer answer;
  answer.status = reply.elsewhere ? http_status::kOk : reply.status;
  answer.commit = commit_of(reply);
  answer.canonical = reply.canonical;
  answer.error_code = error_code_of(reply.status, reply.headers);
  answer.error_message = error_message_of(reply.headers);
  if (!answer.found()) return answer;

  auto etag = reply.first_of("X-Linked-ETag");
  // The ETag of a redirect may be that of its own body.
  if (etag.empty() && !reply.elsewhere) etag = value_of(reply.headers, "ETag");
  answer.etag = unquoted(etag);
  answer.digest = digest_of(etag);
  answer.xet_hash = reply.first_of("X-Xet-Hash");
  if (!reply.elsewhere) answer.content_type = value_of(reply.headers, "Content-Type");
  answer.location = (reply.elsewhere ? *reply.elsewhere : reply.url).text();
  return answer;
}

/// What is asked for by its digest has that one, unless the Hub says other.
void require_same_digest(const FileRef& file, FileAnswer& answer) {
  if (!answer.found()) return;
  const auto asked = Digest::from_text(file.path);
  if (answer.digest && answer.digest != asked) {
    throw Error(Error::Kind::kUpstream, "The Hub has another file by that digest");
  }
  answer.digest = asked;
}

}  // namespace

Hub::Hub(http::Client& client, Outages& outages, RateLimits& limits, Options options,
         const Clock& clock)
    : client_(client),
      outages_(outages),
      limits_(limits),
      options_(std::move(options)),
      clock_(clock) {}

Means Hub::means() const {
  return {.client = client_,
          .outages = outages_,
          .limits = limits_,
          .calls = *calls_,
          .clock = clock_,
          .instance_id = options_.instance_id};
}

Task<void> Hub::heed(EndpointPtr endpoint, Credential credential, RepoId asked, RepoId canonical,
                     int status, const http::Headers& headers) const {
  if (!options_.on_change || asked.name.empty()) co_return;
  auto code = error_code_of(status, headers);
  const bool refused = is_of_repo(status, code);
  if (!refused && asked == canonical) co_return;
  RepoChange change{.endpoint = std::move(endpoint),
                    .credential = std::move(credential),
                    .asked = std::move(asked),
                    .canonical = std::move(canonical)};
  if (refused) {
    change.status = status;
    change.code = std::move(code);
    change.message = error_message_of(headers);
  }
  co_await options_.on_change(std::move(change));
}

Task<FileAnswer> Hub::head_file(EndpointPtr endpoint, Credential credential, FileRef file,
                                Patience patience) {
  if (file.door == Door::kLfs) {
    co_return co_await head_lfs(std::move(endpoint), std::move(credential), std::move(file));
  }
  Asker asker(means(), *endpoint, credential);
  Question question{.method = "HEAD",
                    .target = resolve_path(file),
                    .repo = file.repo,
                    .subject = Outages::Subject::kFiles,
                    .patience = patience,
                    .accept_encoding = "identity",
                    .range = {},
                    .body_limit = kMaxErrorBody};
  const auto reply = co_await asker.ask(std::move(question));
  if (reply.elsewhere && !names_file(reply)) {
    throw Error(Error::Kind::kUpstream, "The Hub redirects to another host", loggable(reply.url));
  }
  co_await heed(endpoint, credential, file.repo, reply.canonical, reply.status, reply.headers);
  auto answer = file_answer(reply);
  if (file.door == Door::kRegistry) require_same_digest(file, answer);
  if (!answer.found()) co_return answer;
  if (const auto size = size_of(reply)) {
    answer.size = *size;
    co_return answer;
  }
  const Courier courier{.means = means(),
                        .endpoint = *endpoint,
                        .credential = credential,
                        .timeouts = asker.timeouts()};
  answer.size = co_await size_by_range(courier, reply.elsewhere.value_or(reply.url));
  co_return answer;
}

Task<RepoAnswer> Hub::auth_check(EndpointPtr endpoint, Credential credential, RepoId repo) {
  Asker asker(means(), *endpoint, credential);
  Question question{.method = "GET",
                    .target = auth_check_path(repo),
                    .repo = repo,
                    .subject = Outages::Subject::kRights,
                    .accept_encoding = "gzip",
                    .range = {},
                    .body_limit = kMaxErrorBody};
  const auto reply = co_await asker.ask(std::move(question));
  if (reply.elsewhere) {
    throw Error(Error::Kind::kUpstream, "The Hub redirects to another host", loggable(reply.url));
  }
  RepoAnswer answer{.status = reply.status,
                    .canonical = reply.canonical,
                    .error_code = error_code_of(reply.status, reply.headers),
                    .error_message = error_message_of(reply.headers)};
  const bool no_route = reply.status == http_status::kMethodNotAllowed ||
                        reply.status == http_status::kNotImplemented ||
                        (reply.status == http_status::kNotFound && answer.error_code.empty());
  if (!no_route) co_return answer;

  // A mirror without the route. What it tells everyone is the one thing that grants (DESIGN 3).
  answer = {.status = http_status::kNotFound,
            .canonical = reply.canonical,
            .error_code = {},
            .error_message = {}};
  if (!credential.is_anonymous()) co_return answer;
  Question info{.method = "GET",
                .target = info_path({.repo = repo, .revision = {}, .path = {}}),
                .repo = repo,
                .subject = Outages::Subject::kRights,
                .accept_encoding = "gzip",
                .range = {},
                .body_limit = options_.max_document_bytes,
                .room = options_.room};
  const auto document = co_await asker.ask(std::move(info));
  if (document.status == http_status::kOk && says_public(document.body)) {
    answer.status = http_status::kOk;
    answer.canonical = document.canonical;
  }
  co_return answer;
}

Task<DocumentAnswer> Hub::document(EndpointPtr endpoint, Credential credential, DocumentQuery query,
                                   Patience patience) {
  Asker asker(means(), *endpoint, credential);
  Question question{.method = query.form.empty() ? "GET" : "POST",
                    .target = std::move(query.target),
                    .form = std::move(query.form),
                    .headers = {},
                    .repo = query.repo,
                    .subject = Outages::Subject::kDocuments,
                    .patience = patience,
                    .accept_encoding = "gzip",
                    .range = {},
                    .body_limit = options_.max_document_bytes,
                    .room = options_.room};
  if (!query.agent.empty()) question.headers.set("User-Agent", query.agent);
  auto reply = co_await asker.ask(std::move(question));
  if (reply.elsewhere) {
    throw Error(Error::Kind::kUpstream, "The Hub redirects to another host", loggable(reply.url));
  }
  co_await heed(std::move(endpoint), credential, std::move(query.repo), reply.canonical,
                reply.status, reply.headers);
  co_return DocumentAnswer{.status = reply.status,
                           .content_type = value_of(reply.headers, "Content-Type"),
                           .etag = value_of(reply.headers, "ETag"),
                           .link = value_of(reply.headers, "Link"),
                           .commit = commit_of(reply),
                           .total_count = value_of(reply.headers, "X-Total-Count"),
                           .error_code = error_code_of(reply.status, reply.headers),
                           .error_message = error_message_of(reply.headers),
                           .body = {std::move(reply.body), std::move(reply.share)},
                           .canonical = reply.canonical};
}

}  // namespace hubcache::hub
