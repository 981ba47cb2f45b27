// resolve, raw and resolve-cache (contract/hub.md 3.1, 3.2).
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "hubsim/site.h"

namespace hubsim {
namespace {

constexpr auto kPlain = "text/plain; charset=utf-8";

std::string joined(const std::vector<std::string>& segments, std::size_t from, std::size_t to) {
  std::string path;
  for (std::size_t i = from; i < to; ++i) path += (i == from ? "" : "/") + segments[i];
  return path;
}

std::optional<Location> locate(const Request& request) {
  auto segments = split(std::string_view(request.path).substr(1), '/');
  Location at;
  at.before = "/";
  std::size_t first = 0;
  for (const auto type : {RepoType::kDataset, RepoType::kSpace, RepoType::kKernel}) {
    const auto prefix = std::string(type_name(type)) + "s";
    if (segments.size() < 3 || segments[0] != prefix) continue;
    at.type = type;
    at.before += prefix + "/";
    first = 1;
  }
  for (const std::size_t marker : {first + 1, first + 2}) {
    if (marker >= segments.size()) break;
    if (segments[marker] != "resolve" && segments[marker] != "raw") continue;
    at.id = percent_decode(joined(segments, first, marker));
    at.verb = segments[marker];
    at.after = "/" + joined(segments, marker, segments.size());
    at.rest.assign(segments.begin() + static_cast<std::ptrdiff_t>(marker) + 1, segments.end());
    return at;
  }
  return std::nullopt;
}

// A gated repo shows these to everyone (contract/hub.md 10).
bool shown_before_the_gate(std::string_view verb, std::string_view path) {
  constexpr std::array<std::string_view, 4> kShown = {"README.md", "LICENSE", "LICENSE.md",
                                                      "LICENSE.txt"};
  return verb != "raw" && std::find(kShown.begin(), kShown.end(), path) != kShown.end();
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string disposition(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  return "inline; filename*=UTF-8''" + percent_encode(name) + "; filename=\"" + std::string(name) +
         "\";";
}

Response git_body(const Site& site, const Request& request, const std::string& commit,
                  const std::string& path, const Entry& entry) {
  Response response;
  const bool text = entry.blob->is_text();
  response.set("Content-Type", text ? kPlain : "application/octet-stream");
  response.set("X-Repo-Commit", commit);
  response.set("Content-Disposition", disposition(path));
  response.set("Content-Security-Policy", "default-src 'none'; sandbox");
  const bool packed = site.behaviour.gzip && text && request.method == "GET" &&
                      request.accepts_gzip() && entry.blob->size() > 0;
  if (!packed || !request.header("if-none-match").empty()) {
    serve_blob(request, entry.blob, in_quotes(entry.etag()), response);
    return response;
  }
  // The compressed answer ignores Range, as the Hub's front does.
  response.set("ETag", "W/" + in_quotes(entry.etag()));
  response.set("Content-Encoding", "gzip");
  response.set("Vary", "Accept-Encoding");
  response.text = gzip(entry.blob->memory());
  response.chunked = true;
  return response;
}

Response redirect(int status, std::string_view reason, const std::string& location) {
  Response response;
  response.status = status;
  response.set("Content-Type", kPlain);
  response.set("Location", location);
  response.set("Vary", "Origin, Accept");
  response.set("Accept-Ranges", "bytes");
  response.text = std::string(reason) + ". Redirecting to " + location;
  return response;
}

Response to_resolve_cache(const Request& request, const Location& at, const Repo& repo,
                          const std::string& commit, const std::string& path, const Entry& entry) {
  const auto cache = "/api/resolve-cache/" + std::string(type_name(at.type)) + "s/" + repo.id +
                     "/" + commit + "/" + joined(at.rest, 0, at.rest.size()) + "?" +
                     percent_encode(request.target) +
                     "=&etag=" + percent_encode(in_quotes(entry.etag()));
  auto response = redirect(307, "Temporary Redirect", cache);
  response.set("X-Repo-Commit", commit);
  response.set("X-Linked-ETag", in_quotes(entry.etag()));
  response.set("Content-Disposition", disposition(path));
  response.set("Content-Security-Policy", "default-src 'none'; sandbox");
  response.set("X-Hub-Cache", "MISS");
  return response;
}

Response to_cdn(const Site& site, const Request& request, const Caller& caller, const Repo& repo,
                const std::string& commit, const std::string& path, const Entry& entry) {
  // Ollama follows nothing but a 307.
  const bool ollama = lower_case(request.header("user-agent")).starts_with("ollama");
  const auto location = signed_url(site, caller, repo, path, entry);
  auto response =
      ollama ? redirect(307, "Temporary Redirect", location) : redirect(302, "Found", location);
  response.set("X-Repo-Commit", commit);
  response.set("X-Linked-Size", std::to_string(entry.blob->size()));
  response.set("X-Linked-ETag", in_quotes(entry.etag()));
  response.set("Cache-Control", "no-store");
  if (!site.behaviour.xet) return response;
  response.set("X-Xet-Hash", entry.xet_hash);
  response.set("Link", "<" + site.url + "/api/" + std::string(type_name(repo.type)) + "s/" +
                           repo.id + "/xet-read-token/" + commit + ">; rel=\"xet-auth\", <" +
                           site.url + "/_cas/v1/reconstructions/" + entry.xet_hash +
                           ">; rel=\"xet-reconstruction-info\"");
  constexpr auto kFileInfo = "application/vnd.xet-fileinfo+json";
  if (request.method == "GET" && request.header("accept").find(kFileInfo) != std::string::npos) {
    response.status = 200;
    response.remove("Location");
    response.set("Content-Type", kFileInfo);
    response.set("ETag", in_quotes(entry.etag()));
    response.text = nlohmann::json{{"hash", entry.xet_hash}, {"size", entry.blob->size()}}.dump();
  }
  return response;
}

Response raw(const Request& request, const std::string& commit, const Entry& entry) {
  Response response;
  response.set("Content-Type",
               entry.lfs() || entry.blob->is_text() ? kPlain : "application/octet-stream");
  response.set("X-Repo-Commit", commit);
  const auto blob =
      entry.lfs() ? Blob::make(lfs_pointer(entry.sha256, entry.blob->size())) : entry.blob;
  auto unconditional = request;
  std::erase_if(unconditional.headers, [](const auto& header) {
    return lower_case(header.first) == "if-none-match";  // raw does not honour it
  });
  serve_blob(unconditional, blob, in_quotes(entry.oid), response);
  return response;
}

}  // namespace

std::string take_revision(std::vector<std::string>& rest) {
  if (rest.empty()) return {};
  const std::size_t count = rest.size() >= 3 && rest[0] == "refs" ? 3 : 1;
  const auto revision = percent_decode(joined(rest, 0, count));
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
  return revision;
}

std::string decoded_path(const std::vector<std::string>& rest) {
  return percent_decode(joined(rest, 0, rest.size()));
}

Response moved(const Location& at, const Repo& repo, const Request& request) {
  Response response;
  response.status = 307;
  response.set("Content-Type", kPlain);
  auto location = at.before + repo.id + at.after;
  if (!request.query.empty()) location += "?" + request.query;
  response.set("Location", location);
  response.text = "Temporary Redirect. Redirecting to " + location;
  return response;
}

Response answer_files(const Site& site, const Request& request) {
  auto at = locate(request);
  if (!at) return page_not_found();
  const auto caller = caller_of(site.world, request);
  const auto found = site.world.find(at->type, at->id);
  if (auto refusal = refuse_repo(caller, found.repo, false)) return *refusal;
  const auto& repo = *found.repo;
  if (!found.canonical && site.behaviour.redirect_names) return moved(*at, repo, request);

  const auto revision = take_revision(at->rest);
  const auto path = decoded_path(at->rest);
  if (!shown_before_the_gate(at->verb, path) || repo.visibility.disabled) {
    if (auto refusal = refuse_files(caller, repo, false)) return *refusal;
  }
  const auto commit = repo.find(revision);
  if (!commit) return revision_not_found(revision);
  const auto entry = commit->files.find(path);
  if (entry == commit->files.end()) return entry_not_found(commit->id, false);

  const auto& file = entry->second;
  if (at->verb == "raw") return raw(request, commit->id, file);
  if (file.lfs()) return to_cdn(site, request, caller, repo, commit->id, path, file);
  if (site.behaviour.direct_files) return git_body(site, request, commit->id, path, file);
  return to_resolve_cache(request, *at, repo, commit->id, path, file);
}

Response answer_resolve_cache(const Site& site, const Request& request) {
  // /api/resolve-cache/{type}s/{repo}/{commit}/{path}
  auto segments = split(std::string_view(request.path).substr(1), '/');
  segments.erase(segments.begin(), segments.begin() + 2);
  constexpr std::size_t kCommitDigits = 40;
  std::size_t at = 0;
  for (const std::size_t i : {std::size_t{2}, std::size_t{3}}) {
    if (at == 0 && segments.size() > i + 1 && segments[i].size() == kCommitDigits) at = i;
  }
  if (at == 0) return page_not_found();
  const auto [type, id] = parse_name(percent_decode(joined(segments, 0, at)));
  const auto model_prefix = std::string("models/");
  const auto caller = caller_of(site.world, request);
  const auto found = site.world.find(
      type, type == RepoType::kModel && id.starts_with(model_prefix) ? id.substr(7) : id);
  if (auto refusal = refuse_repo(caller, found.repo, false)) return *refusal;
  const auto path = percent_decode(joined(segments, at + 1, segments.size()));
  if (!shown_before_the_gate("resolve", path) || found.repo->visibility.disabled) {
    if (auto refusal = refuse_files(caller, *found.repo, false)) return *refusal;
  }
  const auto commit = found.repo->find(segments[at]);
  if (!commit) return revision_not_found(segments[at]);
  const auto entry = commit->files.find(path);
  if (entry == commit->files.end() || entry->second.lfs()) {
    return entry_not_found(commit->id, false);
  }
  return git_body(site, request, commit->id, path, entry->second);
}

}  // namespace hubsim
