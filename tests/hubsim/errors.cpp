// The Hub's errors (contract/hub.md 3.4 and 10): their identity is in the headers.
#include <nlohmann/json.hpp>

#include "hubsim/site.h"

namespace hubsim {
namespace {

constexpr auto kJson = "application/json; charset=utf-8";
constexpr auto kText = "text/plain; charset=utf-8";

Response error(int status, std::string_view message, bool json) {
  Response response;
  response.status = status;
  response.set("Content-Type", json ? kJson : kText);
  response.set("X-Error-Message", std::string(message));
  response.text = json ? nlohmann::json{{"error", message}}.dump() : std::string(message);
  return response;
}

constexpr std::string_view kBadCredentials = "Invalid credentials in Authorization header";

}  // namespace

bool Caller::granted(const Repo& repo) const {
  return token != nullptr && token->granted.contains(full_name(repo.type, repo.id));
}

bool Caller::pending(const Repo& repo) const {
  return token != nullptr && token->pending.contains(full_name(repo.type, repo.id));
}

Caller caller_of(const World& world, const Request& request) {
  const auto header = request.header("authorization");
  if (header.empty()) return {};
  if (lower_case(header.substr(0, 7)) == "bearer ") {
    if (const auto* token = world.token(header.substr(7))) return {Caller::Kind::kUser, token};
  }
  return {Caller::Kind::kBad, nullptr};
}

Response repo_missing(const Caller& caller, bool api) {
  if (caller.kind == Caller::Kind::kUser) {
    auto response = error(404, "Repository not found", true);
    response.set("X-Error-Code", "RepoNotFound");
    return response;
  }
  if (caller.kind == Caller::Kind::kBad) return error(401, kBadCredentials, api);
  auto response = error(401, "Invalid username or password.", api);
  response.set("WWW-Authenticate", R"(Bearer realm="Authentication required", charset="UTF-8")");
  return response;
}

Response gate_closed(const Caller& caller, const Repo& repo, bool api) {
  const auto name = std::string(type_name(repo.type)) + " " + repo.id;
  auto message = "Access to " + name +
                 " is restricted. You must have access to it and be authenticated to access it. "
                 "Please log in.";
  int status = 401;
  if (caller.kind == Caller::Kind::kBad) {
    message = kBadCredentials;
  } else if (caller.kind == Caller::Kind::kUser) {
    status = 403;
    message =
        caller.pending(repo)
            ? "Your request to access " + name + " is awaiting a review from the repo authors."
            : "Access to " + name +
                  " is restricted and you are not in the authorized list. Visit "
                  "https://huggingface.co/" +
                  full_name(repo.type, repo.id) + " to ask for access.";
  }
  auto response = error(status, message, api);
  response.set("X-Error-Code", "GatedRepo");
  return response;
}

Response disabled(bool api) { return error(403, "Access to this resource is disabled.", api); }

Response revision_not_found(std::string_view revision) {
  auto response = error(404, "Invalid rev id: " + std::string(revision), true);
  response.set("X-Error-Code", "RevisionNotFound");
  return response;
}

Response entry_not_found(const std::string& commit, bool api) {
  auto response = error(404, "Entry not found", api);
  response.set("X-Error-Code", "EntryNotFound");
  response.set("X-Repo-Commit", commit);
  if (!api) response.set("ETag", R"(W/"f-mY2VvLxuxB7KhsoOdQTlMTccuAQ")");
  return response;
}

Response json_error(int status, std::string_view message) { return error(status, message, true); }

Response page_not_found() {
  return json_error(404, "Sorry, we can't find the page you are looking for.");
}

std::optional<Response> refuse_repo(const Caller& caller, const Repo* repo, bool api) {
  if (repo == nullptr || (repo->visibility.is_private && !caller.granted(*repo))) {
    return repo_missing(caller, api);
  }
  return std::nullopt;
}

std::optional<Response> refuse_files(const Caller& caller, const Repo& repo, bool api) {
  if (repo.visibility.gate != Gate::kOpen && !caller.granted(repo)) {
    return gate_closed(caller, repo, api);
  }
  if (repo.visibility.disabled) return disabled(api);
  return std::nullopt;
}

}  // namespace hubsim
