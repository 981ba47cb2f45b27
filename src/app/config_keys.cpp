// The table of all configuration keys.
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "hubcache/app/config.h"
#include "hubcache/base/units.h"
#include "hubcache/http/url.h"
#include "hubcache/net/listener.h"

namespace hubcache::app {
namespace {

using Set = std::function<void(Config&, std::string_view)>;
using std::chrono::milliseconds;

Set text(std::function<std::string&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = std::string(value);
  };
}

std::vector<std::string> words_of(std::string_view value) {
  std::vector<std::string> words;
  while (!value.empty()) {
    const auto comma = value.find(',');
    words.emplace_back(value.substr(0, comma));
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
  return words;
}

Set list(std::function<std::vector<std::string>&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = words_of(value);
  };
}

Set flag(std::function<bool&(Config&)> field, std::string_view when) {
  return [field = std::move(field), when](Config& config, std::string_view value) {
    field(config) = value == when;
  };
}

std::size_t number_of(std::string_view value) {
  std::size_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

Set number(std::function<std::size_t&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = number_of(value);
  };
}

Set size(std::function<std::uint64_t&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = *parse_size(value);
  };
}

Set size_or_share(std::function<SizeOrShare&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = *parse_size_or_share(value);
  };
}

Set duration(std::function<milliseconds&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = *parse_duration(value);
  };
}

std::string in_quotes(std::string_view value) { return '"' + std::string(value) + '"'; }

Key::Check number_between(std::size_t least, std::size_t most) {
  return [least, most](std::string_view value) -> std::optional<std::string> {
    const auto number = number_of(value);
    if (number >= least && number <= most) return std::nullopt;
    return std::string(value) + " is out of range: allowed is " + std::to_string(least) + " to " +
           std::to_string(most);
  };
}

/// Header and body limits: too little and nothing works, too much and memory is anybody's.
Key::Check size_between(std::string_view least, std::string_view most) {
  return [least, most](std::string_view value) -> std::optional<std::string> {
    const auto bytes = parse_size(value);
    if (bytes >= parse_size(least) && bytes <= parse_size(most)) return std::nullopt;
    return in_quotes(value) + " is out of range: allowed is " + in_quotes(least) + " to " +
           in_quotes(most);
  };
}

Key::Check at_least(std::string_view least) {
  return [least](std::string_view value) -> std::optional<std::string> {
    if (parse_duration(value) >= parse_duration(least)) return std::nullopt;
    return in_quotes(value) + " is too short: allowed is " + in_quotes(least) + " or more";
  };
}

std::optional<std::string> bad_period(std::string_view value) {
  if (value == "off" || parse_duration(value) >= parse_duration("1 h")) return std::nullopt;
  return in_quotes(value) + R"( is no period: allowed is "off" or a time of "1 h" or more)";
}

std::optional<std::string> bad_url(std::string_view value) {
  if (http::Url::parse(value)) return std::nullopt;
  return in_quotes(value) +
         " is no URL: allowed is http:// or https:// with a host, without "
         "credentials";
}

std::optional<std::string> bad_optional_url(std::string_view value) {
  return value.empty() ? std::nullopt : bad_url(value);
}

std::optional<std::string> bad_origin(std::string_view value) {
  for (const auto& word : words_of(value)) {
    const auto url = http::Url::parse(word);
    if (url && url->scheme + "://" + url->authority() == word) continue;
    return in_quotes(word) +
           " is no origin: allowed are http:// or https:// with a host, and a port that is not the "
           "usual one, like \"https://app.example\"";
  }
  return std::nullopt;
}

std::optional<std::string> bad_listen_address(std::string_view value) {
  for (const auto& address : words_of(value)) {
    if (net::is_listen_address(address)) continue;
    return in_quotes(address) +
           " is no address to serve on: allowed are ADDR:PORT, [IPV6]:PORT and unix:/path, like "
           "\"0.0.0.0:8080\"";
  }
  return std::nullopt;
}

std::optional<std::string> bad_ip_address(std::string_view value) {
  for (const auto& word : words_of(value)) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    if (::inet_pton(AF_INET, word.c_str(), address.data()) == 1) continue;
    if (::inet_pton(AF_INET6, word.c_str(), address.data()) == 1) continue;
    return in_quotes(word) + " is no IP address: allowed are addresses like 10.0.0.1 or fd00::1";
  }
  return std::nullopt;
}

void set_upstream(Config& config, std::string_view value) {
  config.upstream.url = std::string(value);
  config.upstream.url_given = true;
}

using Type = Key::Type;

const std::vector<Key>& table() {
  static const std::vector<Key> kTable{
      {.name = "server.listen",
       .type = Type::kList,
       .fallback = "127.0.0.1:8080",
       .help = "Addresses to serve on: ADDR:PORT, [IPV6]:PORT or unix:/path.",
       .set = list([](Config& c) -> auto& { return c.server.listen; }),
       .check = bad_listen_address},
      {.name = "server.tls_listen",
       .type = Type::kList,
       .fallback = "",
       .help = "Addresses to serve on in TLS (1.2 and later), like \"0.0.0.0:8443\"; they need a "
               "certificate and its key.",
       .set = list([](Config& c) -> auto& { return c.server.tls_listen; }),
       .check = bad_listen_address},
      {.name = "server.tls_certificate",
       .type = Type::kText,
       .fallback = "",
       .help = "PEM file with the certificate for tls_listen, then those it is signed by. It is "
               "read again when it or the key changes.",
       .set = text([](Config& c) -> auto& { return c.server.tls_certificate; })},
      {.name = "server.tls_key",
       .type = Type::kText,
       .fallback = "",
       .help = "PEM file with the certificate's key.",
       .set = text([](Config& c) -> auto& { return c.server.tls_key; })},
      {.name = "server.metrics_listen",
       .type = Type::kList,
       .fallback = "",
       .help = "Addresses that serve metrics and health, and nothing else, to everybody, like "
               "\"127.0.0.1:9464\"; at /metrics of all other addresses they are for who logs in.",
       .set = list([](Config& c) -> auto& { return c.server.metrics_listen; }),
       .check = bad_listen_address},
      {.name = "server.external_url",
       .type = Type::kText,
       .fallback = "",
       .help = "The URL clients know this server by, for links in answers; empty: their Host "
               "header.",
       .set = text([](Config& c) -> auto& { return c.server.public_name.external_url; }),
       .check = bad_optional_url},
      {.name = "server.trusted_proxies",
       .type = Type::kList,
       .fallback = "",
       .help = "IP addresses of the proxies whose X-Forwarded-For, -Host, -Proto and -Prefix are "
               "believed.",
       .set = list([](Config& c) -> auto& { return c.server.public_name.trusted_proxies; }),
       .check = bad_ip_address},
      {.name = "server.host_names",
       .type = Type::kList,
       .fallback = "",
       .help = "While all of listen is on loopback: names that requests may come for, beside "
               "localhost, addresses and external_url; others are answered 421.",
       .set = list([](Config& c) -> auto& { return c.server.host_names; })},
      {.name = "server.workers",
       .type = Type::kNumber,
       .fallback = "0",
       .help = "Event loops; 0: one for each CPU.",
       .set = number([](Config& c) -> auto& { return c.server.workers; }),
       .check = number_between(0, 1024)},
      {.name = "server.shutdown_timeout",
       .type = Type::kDuration,
       .fallback = "30 s",
       .help = "How long running requests may take to end after SIGTERM.",
       .set = duration([](Config& c) -> auto& { return c.server.shutdown_timeout; })},
      {.name = "server.max_header_size",
       .type = Type::kSize,
       .fallback = "32 KiB",
       .help = "Request line and header fields together; more is answered 431.",
       .set = size([](Config& c) -> auto& { return c.server.limits.max_header_bytes; }),
       .check = size_between("1 KiB", "1 MiB")},
      {.name = "server.max_target_size",
       .type = Type::kSize,
       .fallback = "16 KiB",
       .help = "Path and query of a request; more is answered 414.",
       .set = size([](Config& c) -> auto& { return c.server.limits.max_target_bytes; }),
       .check = size_between("256 B", "1 MiB")},
      {.name = "server.max_body_size",
       .type = Type::kSize,
       .fallback = "1 MiB",
       .help =
           "A request's body; more is answered 413. What git tells of its objects may have 8 MiB.",
       .set = size([](Config& c) -> auto& { return c.server.limits.max_body_bytes; }),
       .check = size_between("1 KiB", "64 MiB")},
      {.name = "server.header_timeout",
       .type = Type::kDuration,
       .fallback = "10 s",
       .help = "From the first byte of a request to the end of its headers; longer is answered "
               "408.",
       .set = duration([](Config& c) -> auto& { return c.server.limits.header_timeout; }),
       .check = at_least("1 s")},
      {.name = "server.idle_timeout",
       .type = Type::kDuration,
       .fallback = "60 s",
       .help = "How long a connection may be silent between requests.",
       .set = duration([](Config& c) -> auto& { return c.server.limits.idle_timeout; }),
       .check = at_least("1 s")},
      {.name = "server.body_timeout",
       .type = Type::kDuration,
       .fallback = "30 s",
       .help = "How long a request's body may take; longer is answered 408.",
       .set = duration([](Config& c) -> auto& { return c.server.limits.body_timeout; }),
       .check = at_least("1 s")},
      {.name = "server.write_timeout",
       .type = Type::kDuration,
       .fallback = "60 s",
       .help = "How long a client may take nothing of an answer before its connection is reset.",
       .set = duration([](Config& c) -> auto& { return c.server.limits.write_timeout; }),
       .check = at_least("1 s")},
      {.name = "server.max_connections",
       .type = Type::kNumber,
       .fallback = "10000",
       .help = "Connections at a time; more are answered 503.",
       .set = number([](Config& c) -> auto& { return c.server.limits.max_connections; }),
       .check = number_between(1, 1'000'000)},
      {.name = "storage.data_dir",
       .type = Type::kText,
       .fallback = "",
       .help = "Where everything is kept; empty: STATE_DIRECTORY of a service, else hubcache in "
               "the XDG data directory.",
       .set = text([](Config& c) -> auto& { return c.storage.data_dir; })},
      {.name = "storage.max_size",
       .type = Type::kSizeOrShare,
       .fallback = "90 %",
       .help = "What the cache takes on disk at most, like \"500 GiB\", or as a share of the file "
               "system; 0: no limit. What was used longest ago makes room for what is new.",
       .set = size_or_share([](Config& c) -> auto& { return c.storage.max_size; })},
      {.name = "storage.min_free",
       .type = Type::kSizeOrShare,
       .fallback = "1 GiB",
       .help = "What the cache leaves free of the file system, whoever fills it.",
       .set = size_or_share([](Config& c) -> auto& { return c.storage.min_free; })},
      {.name = "storage.key_file",
       .type = Type::kText,
       .fallback = "",
       .help = "The file with the key that seals stored secrets, which a copy of data_dir should "
               "not hold; empty: the credential hubcache.secrets-key of a service, else "
               "secrets.key in data_dir.",
       .set = text([](Config& c) -> auto& { return c.storage.key_file; })},
      {.name = "storage.max_metadata",
       .type = Type::kSize,
       .fallback = "2 GiB",
       .help = "What the database takes at most for what the Hub said of files and repositories; "
               "what was used longest ago goes and is asked for again; one tree takes a quarter "
               "of it at most. Part of max_size, of which it takes no more than a quarter (16 MiB "
               "at least).",
       .set = size([](Config& c) -> auto& { return c.storage.max_metadata; }),
       .check = size_between("16 MiB", "1 TiB")},
      {.name = "storage.scrub",
       .type = Type::kText,
       .fallback = "30 d",
       .help = "In what time every stored file is read and hashed again; what is wrong goes into "
               "quarantine and is fetched anew. \"off\": never.",
       .set =
           [](Config& c, std::string_view v) {
             c.storage.scrub = parse_duration(v).value_or(milliseconds{});
           },
       .check = bad_period},
      {.name = "storage.scrub_rate",
       .type = Type::kSize,
       .fallback = "50 MiB",
       .help = "Bytes a second that scrub reads at most; it takes less where that is enough.",
       .set = size([](Config& c) -> auto& { return c.storage.scrub_rate; }),
       .check = size_between("1 MiB", "1 TiB")},
      {.name = "upstream.url",
       .type = Type::kText,
       .fallback = "https://huggingface.co",
       .help = "The hub of the remote `huggingface`, which is made together with the database; "
               "where it is set, it is put there at each start.",
       .set = set_upstream,
       .check = bad_url},
      {.name = "upstream.offline",
       .type = Type::kBool,
       .fallback = "false",
       .help = "Nothing is asked upstream: what is cached is served, all else is an error at once. "
               "The label hubcache.offline=true does that for one remote.",
       .set = flag([](Config& c) -> auto& { return c.upstream.offline; }, "true")},
      {.name = "upstream.retry_down_after",
       .type = Type::kDuration,
       .fallback = "5 s",
       .help = "How long a hub that does not answer is left alone: until then what is not cached "
               "fails at once. 0 s: never.",
       .set = duration([](Config& c) -> auto& { return c.upstream.retry_down_after; })},
      {.name = "upstream.max_connections",
       .type = Type::kNumber,
       .fallback = "128",
       .help =
           "Connections that bring files at a time, over all remotes; questions to hubs have "
           "others. One remote alone takes three quarters of them at most, half for what nobody "
           "waits for; its `download_concurrency` limits it further.",
       .set = number([](Config& c) -> auto& { return c.upstream.max_connections; }),
       .check = number_between(1, 10'000)},
      {.name = "upstream.unattended",
       .type = Type::kSize,
       .fallback = "64 GiB",
       .help =
           "How much more of a file is fetched after its last reader has left; then the download "
           "rests until somebody asks for the file again.",
       .set = size([](Config& c) -> auto& { return c.upstream.unattended; })},
      {.name = "upstream.client_misses",
       .type = Type::kNumber,
       .fallback = "200000",
       .help =
           "How often an hour one client (address, or IPv6 /64) may have something fetched; more "
           "is answered 429, hits excepted. 0: no limit.",
       .set = number([](Config& c) -> auto& { return c.upstream.client_misses; })},
      {.name = "upstream.client_bytes",
       .type = Type::kSize,
       .fallback = "0 B",
       .help =
           "How many bytes of files an hour one client may have fetched, likewise. 0 B: no limit.",
       .set = size([](Config& c) -> auto& { return c.upstream.client_bytes; })},
      {.name = "cache.revision_ttl",
       .type = Type::kDuration,
       .fallback = "60 s",
       .help = "How long a branch or tag is taken to stand for the same commit.",
       .set = duration([](Config& c) -> auto& { return c.cache.revision_ttl; })},
      {.name = "cache.document_ttl",
       .type = Type::kDuration,
       .fallback = "60 s",
       .help = "How long an API document that is not at a commit is served without asking.",
       .set = duration([](Config& c) -> auto& { return c.cache.document_ttl; })},
      {.name = "cache.grant_ttl",
       .type = Type::kDuration,
       .fallback = "5 min",
       .help = "How long a confirmed right to a gated or private repository holds.",
       .set = duration([](Config& c) -> auto& { return c.cache.grant_ttl; })},
      {.name = "cache.public_grant_ttl",
       .type = Type::kDuration,
       .fallback = "30 min",
       .help = "How long a repository is taken to be public.",
       .set = duration([](Config& c) -> auto& { return c.cache.public_grant_ttl; })},
      {.name = "cache.refusal_ttl",
       .type = Type::kDuration,
       .fallback = "60 s",
       .help = "How long a refusal holds.",
       .set = duration([](Config& c) -> auto& { return c.cache.refusal_ttl; })},
      {.name = "cache.stale_grants",
       .type = Type::kDuration,
       .fallback = "24 h",
       .help = "How long a right outlives its time while the hub cannot be reached.",
       .set = duration([](Config& c) -> auto& { return c.cache.stale_grants; })},
      {.name = "cache.prefetch_max_size",
       .type = Type::kSize,
       .fallback = "100 GiB",
       .help = "Of remotes with policy immediate: what the files of a commit may have together to "
               "be fetched before anybody reads them.",
       .set = size([](Config& c) -> auto& { return c.cache.prefetch_max_size; })},
      {.name = "content.integrity",
       .type = Type::kChoice,
       .fallback = "normal",
       .help = "strict: ranges, too, are only served from verified files.",
       .set = flag([](Config& c) -> auto& { return c.strict_integrity; }, "strict"),
       .choices = {"normal", "strict"}},
      {.name = "content.xet",
       .type = Type::kChoice,
       .fallback = "on",
       .help =
           "on: files are served by Xet too, made of the plain files, to clients that speak it; "
           "off: what the Hub says of Xet is left out.",
       .set = flag([](Config& c) -> auto& { return c.xet; }, "on"),
       .choices = {"on", "off"}},
      {.name = "content.allowed_origins",
       .type = Type::kList,
       .fallback = "",
       .help = "Origins (\"https://app.example\") whose pages may send tokens and read what needs "
               "one, or a guard's or a remote's right; other pages read what anybody may.",
       .set = list([](Config& c) -> auto& { return c.allowed_origins; }),
       .check = bad_origin},
      {.name = "api.secrets",
       .type = Type::kChoice,
       .fallback = "shown",
       .help = "masked: the REST API shows the last four characters of hf_token only.",
       .set = flag([](Config& c) -> auto& { return c.masked_secrets; }, "masked"),
       .choices = {"shown", "masked"}},
      {.name = "log.level",
       .type = Type::kChoice,
       .fallback = "info",
       .help = "The least important lines to write.",
       .set = [](Config& c, std::string_view v) { c.log.level = obs::level_of(v); },
       .choices = {"debug", "info", "warn", "error", "off"},
       .reloadable = true},
      {.name = "log.format",
       .type = Type::kChoice,
       .fallback = "text",
       .help = "How a line is written.",
       .set =
           [](Config& c, std::string_view v) {
             c.log.format = v == "json" ? obs::Format::kJson : obs::Format::kText;
           },
       .choices = {"text", "json"}},
      {.name = "log.file",
       .type = Type::kText,
       .fallback = "",
       .help = "The file to write to; empty: standard error, which of a service is the journal. "
               "SIGHUP and SIGUSR1 open it anew, for logrotate.",
       .set = text([](Config& c) -> auto& { return c.log_file; })},
      {.name = "log.access",
       .type = Type::kBool,
       .fallback = "true",
       .help = "A line for each request.",
       .set = flag([](Config& c) -> auto& { return c.log.access_log; }, "true")},
  };
  return kTable;
}

}  // namespace

std::span<const Key> keys() { return table(); }

}  // namespace hubcache::app
