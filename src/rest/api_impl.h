#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hubcache/base/stamps.h"
#include "hubcache/http/url.h"
#include "hubcache/rest/api.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/store.h"

#include "router.h"
#include "writes.h"

namespace hubcache::rest {

struct Api::Impl {
  Impl(std::vector<Resource> described, std::vector<Action> verbs, std::vector<View> pages,
       Options with, Hooks hooking, db::Database& db, const db::SecretBox& secrets,
       access::Accounts& who, const Clock& clock, obs::Log& logging);

  // What there is to ask for: routes.cpp.
  void add_lists(const Resource& resource);
  void add_changes(const Resource& resource);
  void add_labels(const Resource& resource);
  void add_action(const Action& action);
  void add_view(const View& view);
  void add_document();
  void add_docs_page(std::function<Json()> document);
  Task<Reply> list(const Resource& resource, const Exchange& exchange);
  Task<Reply> read(const Resource& resource, const Exchange& exchange);
  Task<Reply> act(const Action& action, const Exchange& exchange);
  /// Runs one of Writes' functions in a transaction, makes its change known and logs it.
  template <typename Change>
  Task<Reply> write(const Exchange& exchange, Change change);
  template <typename Change>
  Task<Reply> write_and_publish(const Exchange& exchange, Change change);
  /// The same of a function that changes the object which the path names: filters in the query
  /// count for it too, as Pulp looks for it among what they leave.
  template <typename Change>
  Task<Reply> write_object(const Resource& resource, const Exchange& exchange, Change change);
  std::optional<Written> refusal_by_query(db::Connection& sql, const Resource& resource,
                                          const std::string& id, const http::Pairs& pairs) const;
  /// A line of the audit log.
  void keep_account(const Exchange& exchange, const Audit& audit);
  Author author_of(const Exchange& exchange) const;

  // Who may ask, and what goes with every answer: api.cpp.
  Task<http::Response> handle(const http::Request& request, Exchange exchange);
  /// Who may pass: status 200, or the refusal. Fills in the caller.
  Task<Reply> admit(const Route& route, Exchange& exchange, http::Response& extra,
                    access::Account& account);

  std::vector<Resource> resources;
  std::vector<Action> actions;
  std::vector<Resource> bodies;  // of the actions, as validate() wants them
  std::vector<View> views;
  Options options;
  Hooks hooks;
  db::Database& database;
  access::Accounts& accounts;
  obs::Log& log;
  Stamps stamps;
  Store store;
  Rendering rendering;
  Writes writes;
  Router router;
};

}  // namespace hubcache::rest
