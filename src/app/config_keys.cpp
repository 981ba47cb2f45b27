// The table of all configuration keys.
#include <charconv>

#include "hubcache/app/config.h"
#include "hubcache/base/units.h"

namespace hubcache::app {
namespace {

using Set = std::function<void(Config&, std::string_view)>;

/// Values were checked against the key's type before a setter sees them.
Set text(std::function<std::string&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = std::string(value);
  };
}

Set flag(std::function<bool&(Config&)> field, std::string_view when) {
  return [field = std::move(field), when](Config& config, std::string_view value) {
    field(config) = value == when;
  };
}

template <typename T>
Set number(std::function<T&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    std::from_chars(value.data(), value.data() + value.size(), field(config));
  };
}

template <typename T>
Set size(std::function<T&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = static_cast<T>(*parse_size(value));
  };
}

Set duration(std::function<std::chrono::milliseconds&(Config&)> field) {
  return [field = std::move(field)](Config& config, std::string_view value) {
    field(config) = *parse_duration(value);
  };
}

void set_listen(Config& config, std::string_view value) {
  config.server.listen.clear();
  while (!value.empty()) {
    const auto comma = value.find(',');
    config.server.listen.emplace_back(value.substr(0, comma));
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
}

void set_upstream(Config& config, std::string_view value) {
  config.upstream.url = std::string(value);
  config.upstream.url_given = true;
}

using Type = Key::Type;

const std::vector<Key>& table() {
  static const std::vector<Key> kTable{
      {"server.listen", Type::kList, "127.0.0.1:8080",
       "Addresses to serve on: ADDR:PORT, [IPV6]:PORT or unix:/path.", {}, set_listen},
      {"server.external_url", Type::kText, "",
       "The URL clients know this server by, for links in answers; empty: their Host header.", {},
       text([](Config& c) -> std::string& { return c.server.external_url; })},
      {"server.workers", Type::kNumber, "0", "Event loops; 0: one for each CPU.", {},
       number<std::size_t>([](Config& c) -> std::size_t& { return c.server.workers; })},
      {"server.shutdown_timeout", Type::kDuration, "30 s",
       "How long running requests may take to end after SIGTERM.", {},
       duration([](Config& c) -> auto& { return c.server.shutdown_timeout; })},
      {"server.max_header_size", Type::kSize, "32 KiB",
       "Request line and header fields together; more is answered 431.", {},
       size<std::size_t>([](Config& c) -> auto& { return c.server.limits.max_header_bytes; })},
      {"server.max_target_size", Type::kSize, "16 KiB",
       "Path and query of a request; more is answered 414.", {},
       size<std::size_t>([](Config& c) -> auto& { return c.server.limits.max_target_bytes; })},
      {"server.max_body_size", Type::kSize, "1 MiB", "A request's body; more is answered 413.", {},
       size<std::size_t>([](Config& c) -> auto& { return c.server.limits.max_body_bytes; })},
      {"server.header_timeout", Type::kDuration, "10 s",
       "From the first byte of a request to the end of its headers; longer is answered 408.", {},
       duration([](Config& c) -> auto& { return c.server.limits.header_timeout; })},
      {"server.idle_timeout", Type::kDuration, "60 s",
       "How long a connection may be silent between requests.", {},
       duration([](Config& c) -> auto& { return c.server.limits.idle_timeout; })},
      {"server.body_timeout", Type::kDuration, "30 s",
       "How long a request's body may take; longer is answered 408.", {},
       duration([](Config& c) -> auto& { return c.server.limits.body_timeout; })},
      {"server.write_timeout", Type::kDuration, "60 s",
       "How long a client may take nothing of an answer before its connection is reset.", {},
       duration([](Config& c) -> auto& { return c.server.limits.write_timeout; })},
      {"server.max_connections", Type::kNumber, "10000",
       "Connections at a time; more are answered 503.", {},
       number<std::size_t>([](Config& c) -> auto& { return c.server.limits.max_connections; })},
      {"storage.data_dir", Type::kText, "",
       "Where everything is kept; empty: STATE_DIRECTORY of a service, else hubcache in the "
       "XDG data directory.", {},
       text([](Config& c) -> std::string& { return c.storage.data_dir; })},
      {"storage.max_size", Type::kSize, "0", "Bytes on disk at most; 0: no limit.", {},
       size<std::uint64_t>([](Config& c) -> auto& { return c.storage.max_size; })},
      {"storage.min_free", Type::kSize, "1 GiB", "Bytes the file system keeps free.", {},
       size<std::uint64_t>([](Config& c) -> auto& { return c.storage.min_free; })},
      {"upstream.url", Type::kText, "https://huggingface.co",
       "The hub of the remote `huggingface`, which is made together with the database.", {},
       set_upstream},
      {"cache.revision_ttl", Type::kDuration, "60 s",
       "How long a branch or tag is taken to stand for the same commit.", {},
       duration([](Config& c) -> auto& { return c.cache.revision_ttl; })},
      {"cache.document_ttl", Type::kDuration, "60 s",
       "How long an API document that is not at a commit is served without asking.", {},
       duration([](Config& c) -> auto& { return c.cache.document_ttl; })},
      {"cache.grant_ttl", Type::kDuration, "5 min",
       "How long a confirmed right to a gated or private repository holds.", {},
       duration([](Config& c) -> auto& { return c.cache.grant_ttl; })},
      {"cache.public_grant_ttl", Type::kDuration, "30 min",
       "How long a repository is taken to be public.", {},
       duration([](Config& c) -> auto& { return c.cache.public_grant_ttl; })},
      {"cache.refusal_ttl", Type::kDuration, "60 s", "How long a refusal holds.", {},
       duration([](Config& c) -> auto& { return c.cache.refusal_ttl; })},
      {"cache.stale_grants", Type::kDuration, "24 h",
       "How long a right outlives its time while the hub cannot be reached.", {},
       duration([](Config& c) -> auto& { return c.cache.stale_grants; })},
      {"content.integrity", Type::kChoice, "normal",
       "strict: ranges, too, are only served from verified files.", {"normal", "strict"},
       flag([](Config& c) -> bool& { return c.strict_integrity; }, "strict")},
      {"api.secrets", Type::kChoice, "shown",
       "masked: the REST API shows the last four characters of hf_token only.",
       {"shown", "masked"},
       flag([](Config& c) -> bool& { return c.masked_secrets; }, "masked")},
      {"log.level", Type::kChoice, "info", "The least important lines to write.",
       {"debug", "info", "warn", "error", "off"},
       [](Config& c, std::string_view v) { c.log.level = obs::level_of(v); }},
      {"log.format", Type::kChoice, "text", "How a line is written.", {"text", "json"},
       [](Config& c, std::string_view v) {
         c.log.format = v == "json" ? obs::Format::kJson : obs::Format::kText;
       }},
      {"log.access", Type::kBool, "true", "A line for each request.", {},
       flag([](Config& c) -> bool& { return c.log.access_log; }, "true")},
  };
  return kTable;
}

}  // namespace

std::span<const Key> keys() { return table(); }

}  // namespace hubcache::app
