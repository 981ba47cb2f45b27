// The content delivery network: signed URLs that expire, and an ETag of its own.
#include <charconv>
#include <chrono>

#include "hubcache/base/digest.h"

#include "hubsim/site.h"

namespace hubsim {
namespace {

constexpr std::string_view kFolder = "/xet-bridge-us/";

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string signature(const Site& site, std::string_view path, std::string_view uid,
                      std::string_view expires) {
  return hubcache::keyed_hash(
      site.key, std::string(path) + "\n" + std::string(uid) + "\n" + std::string(expires));
}

Response denied(std::string_view code, std::string_view message) {
  Response response;
  response.status = 403;
  response.set("Content-Type", "application/xml");
  response.text = R"(<?xml version="1.0" encoding="UTF-8"?><Error><Code>)" + std::string(code) +
                  "</Code><Message>" + std::string(message) + "</Message></Error>";
  return response;
}

}  // namespace

std::string signed_url(const Site& site, const Caller& caller, const Repo& repo,
                       std::string_view path, const Entry& entry) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto folder = git_object_id("blob", full_name(repo.type, repo.id)).substr(0, 24);
  const auto at = std::string(kFolder) + folder + "/" + entry.xet_hash;
  const auto uid = caller.token != nullptr ? caller.token->user : std::string("public");
  const auto life = site.hand_out_expired ? std::chrono::seconds{-60} : site.behaviour.url_lifetime;
  const auto expires = std::to_string(now_seconds() + life.count());
  const auto shown_as = "inline; filename*=UTF-8''" + percent_encode(name) + "; filename=\"" +
                        std::string(name) + "\";";
  return site.cdn_url + at + "?X-Xet-Cas-Uid=" + percent_encode(uid) +
         "&response-content-disposition=" + percent_encode(shown_as) + "&Expires=" + expires +
         "&Policy=hubsim&Signature=" + signature(site, at, uid, expires) + "&Key-Pair-Id=HUBSIM";
}

Response answer_cdn(const Site& site, const Request& request, bool all_expired) {
  if (!request.header("authorization").empty()) {
    return denied("InvalidArgument", "Only one auth mechanism allowed");
  }
  const auto expires = request.parameter("Expires").value_or("");
  const auto uid = request.parameter("X-Xet-Cas-Uid").value_or("");
  const auto given = request.parameter("Signature").value_or("");
  if (given != signature(site, request.path, uid, expires)) {
    return denied("SignatureDoesNotMatch", "The signature does not match");
  }
  std::int64_t until = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), until);
  if (all_expired || until < now_seconds()) return denied("AccessDenied", "Request has expired");

  const auto hash = request.path.substr(request.path.rfind('/') + 1);
  const auto blob = site.world.by_xet_hash(hash);
  if (!blob) return denied("AccessDenied", "Access denied");  // what is absent is denied, too
  Response response;
  response.set("Content-Type", "application/octet-stream");
  response.set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
  if (const auto shown_as = request.parameter("response-content-disposition")) {
    response.set("Content-Disposition", *shown_as);
  }
  serve_blob(request, blob, "\"" + hash + "\"", response);
  return response;
}

}  // namespace hubsim
