#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "hubcache/http/url.h"
#include "hubcache/registry/load.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;
using rest::Proposal;

constexpr double kLargestInteger = 2'147'483'647;

std::optional<std::string> usable_remote_url(const std::string& url) {
  constexpr std::string_view kFile = "file://";
  if (url.starts_with(kFile)) {
    const auto path = url.substr(kFile.size());
    if (!path.starts_with('/')) {
      return "The path '" + path + "' needs to be an absolute pathname.";
    }
    return "The path '" + path + "' does not start with any of the allowed import paths";
  }
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return std::nullopt;
  const auto authority = url.substr(scheme + 3, url.find_first_of("/?#", scheme + 3) - scheme - 3);
  if (authority.find('@') == std::string::npos) return std::nullopt;
  return "The remote url contains username or password. Please use remote username or password "
         "instead.";
}

std::optional<std::string> usable_proxy(const std::string& url) {
  if (url.find('@') != std::string::npos) return "proxy_url must not contain credentials";
  // A proxy that cannot be understood must not mean "no proxy".
  if (!http::Url::parse(url)) return "Enter a valid URL.";
  return std::nullopt;
}

/// A token goes out as a header field.
std::optional<std::string> usable_token(const std::string& token) {
  if (token.size() > 255) return "Ensure this field has no more than 255 characters.";
  const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(token, printable)) {
    return "A token has no spaces, control or non-ASCII characters.";
  }
  return std::nullopt;
}

bool is_set(const Json& document, const char* field) {
  return rest::is_set(document.value(field, Json()));
}

std::string proxy_credentials_need_a_proxy(const Proposal& proposal) {
  const bool name = is_set(proposal.seen, "proxy_username");
  const bool password = is_set(proposal.seen, "proxy_password");
  if (!name && !password) return {};
  if (!is_set(proposal.seen, "proxy_url")) {
    return "proxy credentials cannot be specified without a proxy";
  }
  if (name != password) return "proxy username and password can only be specified together";
  return {};
}

/// Who cannot see a secret must not be able to send it elsewhere (SECURITY 16).
std::string masked_secrets_stay_where_they_are(const Proposal& proposal) {
  if (proposal.before.is_null()) return {};
  static constexpr std::array kTargets = {"url", "hf_hub_url", "proxy_url", "ca_cert",
                                          "tls_validation"};
  static constexpr std::array kSecrets = {"hf_token",       "username",       "password",
                                          "proxy_username", "proxy_password", "client_key"};
  const auto moved = [&](const char* field) {
    return proposal.before.value(field, Json()) != proposal.after.value(field, Json());
  };
  if (std::ranges::none_of(kTargets, moved)) return {};
  for (const auto* secret : kSecrets) {
    if (is_set(proposal.after, secret) && !proposal.given.contains(secret)) {
      return std::string("a change of where this remote connects to must come with its ") + secret;
    }
  }
  return {};
}

rest::Field seconds(const char* name) { return rest::number(name).nullable().at_least(0.0); }

}  // namespace

rest::Resource remote(const Described& with) {
  rest::Resource resource{
      .name = "HuggingFaceRemote",
      .kind = std::string(registry::kRemoteKind),
      .path = "remotes/hugging_face/hugging-face/",
      .model = "hugging_face.huggingfaceremote",
      .type = "hugging_face.hugging-face",
      .create = rest::Create::kNow,
      .fields =
          {
              rest::text("name").required().unique().filters(rest::kNameFilters),
              rest::text("url").required().check(usable_remote_url).raises_epoch(),
              rest::labels("pulp_labels"),
              rest::choice("policy", {"immediate", "on_demand", "streamed"}).fallback("on_demand"),
              rest::hidden_fields(),
              rest::pem("ca_cert").nullable().raises_epoch(),
              rest::pem("client_cert").nullable().raises_epoch(),
              rest::boolean("tls_validation").initially(true).raises_epoch(),
              rest::text("proxy_url").nullable().check(usable_proxy).raises_epoch(),
              rest::integer("max_retries").nullable().at_least(0).at_most(kLargestInteger),
              seconds("total_timeout"),
              seconds("connect_timeout"),
              seconds("sock_connect_timeout"),
              seconds("sock_read_timeout"),
              // They may hold an Authorization, so they are kept as a secret, but Pulp shows them.
              rest::headers("headers").sealed().raises_epoch(),
              rest::integer("download_concurrency").nullable().at_least(1).at_most(kLargestInteger),
              rest::integer("rate_limit").nullable().at_least(0).at_most(kLargestInteger),
              rest::url("hf_hub_url").fallback(std::string(registry::kDefaultHub)).raises_epoch(),
              rest::text("hf_token")
                  .nullable()
                  .blank_allowed()
                  .check(usable_token)
                  .secret()
                  .raises_epoch(),
              rest::text("client_key").nullable().write_only().raises_epoch(),
              rest::text("proxy_username").nullable().write_only().raises_epoch(),
              rest::text("proxy_password").nullable().untrimmed().write_only().raises_epoch(),
              rest::text("username").nullable().write_only().raises_epoch(),
              rest::text("password").nullable().untrimmed().write_only().raises_epoch(),
          },
      .checks = {proxy_credentials_need_a_proxy},
      .filters = {{.name = "pulp_last_updated",
                   .lookups = rest::kTimeFilters,
                   .kind = rest::Filter::Kind::kTime}},
      .no_orders = {"hf_hub_url", "hf_token"},
  };
  if (with.mask_secrets) resource.checks.emplace_back(masked_secrets_stay_where_they_are);
  return resource;
}

}  // namespace hubcache::pulp
