#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/base/units.h"
#include "hubcache/http/proxies.h"
#include "hubcache/http/public_name.h"
#include "hubcache/http/server.h"
#include "hubcache/obs/log.h"
#include "hubcache/registry/rules.h"

namespace hubcache::app {

/// Everything an operator may set; what each key means stands in its line of the table.
struct Config {
  struct Server {
    std::vector<std::string> listen{"127.0.0.1:8080"};
    std::vector<std::string> tls_listen;
    std::vector<std::string> metrics_listen;
    std::string tls_certificate;  // both or none; both when tls_listen is not empty
    std::string tls_key;
    http::PublicName public_name;
    std::vector<std::string> host_names;
    std::size_t workers = 0;
    std::chrono::milliseconds shutdown_timeout{30'000};
    http::Limits limits;
  } server;
  struct Storage {
    std::string data_dir;  // empty only when there is no home directory to put it in
    SizeOrShare max_size{.bytes = 0, .percent = 90};  // shares of the file system
    SizeOrShare min_free{.bytes = 1ULL << 30U};
    std::uint64_t max_metadata = 2ULL << 30U;
    std::chrono::milliseconds scrub{std::chrono::hours(30 * 24)};  // the period; 0: off
    std::uint64_t scrub_rate = 50ULL << 20U;
    std::string key_file;  // empty: in data_dir
  } storage;
  struct Upstream {
    std::string url = "https://huggingface.co";
    bool url_given = false;  // by file, environment or flag
    bool offline = false;
    std::chrono::milliseconds retry_down_after{5'000};
    std::size_t max_connections = 128;
    std::uint64_t unattended = 64ULL << 30U;
    std::size_t client_misses = 200'000;
    std::uint64_t client_bytes = 0;
    http::Proxies proxies;  // http_proxy, https_proxy and no_proxy, for remotes without proxy_url
  } upstream;
  struct Cache {
    std::chrono::milliseconds revision_ttl{60'000};
    std::chrono::milliseconds document_ttl{60'000};
    std::chrono::milliseconds grant_ttl{300'000};
    std::chrono::milliseconds public_grant_ttl{1'800'000};
    std::chrono::milliseconds refusal_ttl{60'000};
    std::chrono::milliseconds stale_grants{86'400'000};
    std::uint64_t prefetch_max_size = 100ULL << 30U;
    bool operator==(const Cache&) const = default;
  } cache;
  bool strict_integrity = false;
  bool xet = true;
  std::vector<std::string> allowed_origins;
  bool masked_secrets = false;
  obs::Options log;
  std::string log_file;  // "": standard error
  registry::Rules rules;
  std::string admin_password;  // HUBCACHE_ADMIN_PASSWORD or a systemd credential; never in a file

  /// "file", "environment" or "flag" by key, for `hubcache config`; what is not in it is a default.
  std::map<std::string, std::string, std::less<>> origins;
  using Values = std::map<std::string, std::string, std::less<>>;
  Values values;                    // what was given, as it was written
  std::vector<Values> rule_values;  // the same of each rule
};

/// One key of the configuration: file, environment, flags, printing and reference come from it.
struct Key {
  enum class Type : std::uint8_t {
    kText,
    kList,
    kNumber,
    kSize,
    kSizeOrShare,
    kDuration,
    kBool,
    kChoice
  };
  using Check = std::function<std::optional<std::string>(std::string_view)>;

  std::string_view name;  // "section.key"
  Type type;
  std::string_view fallback;  // as it is written; empty lists and texts are ""
  std::string_view help;
  std::function<void(Config&, std::string_view)> set;  // of a value that was found good
  std::vector<std::string_view> choices = {};          // kChoice
  Check check = {};         // what is wrong with a value of the right type, if anything
  bool reloadable = false;  // SIGHUP puts a new value in force; others wait for the next start
};

std::span<const Key> keys();
/// Those of one table of [[rules]], which only a file may have, as often as it likes: `set` is for
/// the last of the rules, `fallback` an example.
std::span<const Key> rule_keys();

/// "HUBCACHE_SERVER_LISTEN" for "server.listen".
std::string environment_name(std::string_view key);

/// The file to read when none was named: `hubcache.toml` in the service's CONFIGURATION_DIRECTORY,
/// if it exists; else "", none. `environment` is "NAME=value" texts, here and below.
std::string usual_config_file(const std::vector<std::string>& environment);

/// Reads the file (when `path` is not empty), then the environment, then flags (key and value).
/// Throws kBadRequest that names file and line, variable or flag, and says what is allowed. An
/// unknown key, or an unknown HUBCACHE_ variable, is an error.
Config load_config(const std::string& path, const std::vector<std::string>& environment,
                   const std::vector<std::pair<std::string, std::string>>& flags);

/// The configuration as a TOML file, each value with a comment that says where it came from.
/// Secrets are shown as "(set)".
std::string print_config(const Config& config);
/// The sample file: every key with its help and default, commented out.
std::string sample_config();
/// The same as a page of documentation, in Markdown.
std::string reference_page();

}  // namespace hubcache::app
