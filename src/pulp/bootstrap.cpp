#include <nlohmann/json.hpp>

#include "hubcache/base/error.h"
#include "hubcache/base/stamps.h"
#include "hubcache/http/url.h"
#include "hubcache/pulp/pulp.h"
#include "hubcache/registry/load.h"
#include "hubcache/rest/address.h"
#include "hubcache/rest/row.h"
#include "hubcache/rest/store.h"

#include "resources.h"

namespace hubcache::pulp {
namespace {

using rest::Json;

Json hub_of(const std::string& url) { return Json{{"url", url}, {"hf_hub_url", url}}; }

void make_first(db::Connection& sql, const rest::Store& store, const std::string& hub) {
  auto values = hub_of(hub);
  values["name"] = "huggingface";
  const auto remote = store.create(sql, store.resources()[0], values);
  const auto href = rest::href(store.root(), store.resources()[0], remote);
  const auto distribution = store.create(
      sql, store.resources()[1], Json{{"name", "hf"}, {"base_path", "hf"}, {"remote", href}});
  registry::set_root(sql, distribution.id);
  sql.run("INSERT INTO pulp_state (one, bootstrapped_remote) VALUES (1, ?1)", remote.id);
}

}  // namespace

void bootstrap(db::Database& database, const db::SecretBox& secrets, const Clock& clock,
               const std::optional<std::string>& upstream) {
  if (upstream && !http::Url::parse(*upstream)) {
    throw Error(Error::Kind::kBadRequest,
                "the upstream must be an http or https URL without credentials, not " + *upstream);
  }
  const std::vector<rest::Resource> resources{remote({}), distribution({})};
  Stamps stamps(clock);
  const rest::Store store(resources, secrets, stamps, rest::Options{}.root);
  database.write_now([&](db::Connection& sql) {
    auto state = sql.query("SELECT bootstrapped_remote FROM pulp_state");
    if (!state.step()) {
      return make_first(sql, store, upstream.value_or(std::string(registry::kDefaultHub)));
    }
    auto row = store.find(sql, resources[0], state.text(0));
    if (!row || !upstream) return;
    if (store.change(sql, resources[0], *row, hub_of(*upstream))) registry::touch(sql);
  });
}

}  // namespace hubcache::pulp
