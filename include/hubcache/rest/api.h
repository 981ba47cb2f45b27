#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hubcache/access/accounts.h"
#include "hubcache/base/clock.h"
#include "hubcache/base/error.h"
#include "hubcache/db/database.h"
#include "hubcache/db/secrets.h"
#include "hubcache/http/message.h"
#include "hubcache/http/public_name.h"
#include "hubcache/obs/log.h"
#include "hubcache/rest/resource.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {

struct Options {
  std::vector<std::pair<std::string, std::string>> versions =
      {};  // of components, for the document
  std::string root = "/pulp/api/v3/";
  http::PublicName public_name;
  bool mask_secrets = false;  // [api] secrets = "masked"
};

/// A change that is done, as it is told to clients that wait for a task.
struct FinishedTask {
  std::string name;                            // "pulpcore.app.tasks.base.general_create"
  std::vector<std::string> created_resources;  // hrefs
  std::vector<std::string> created_prns;
  std::vector<std::string> locks;  // PRNs; "shared:" before those that were shared
  std::string result;              // JSON text, or empty for null
  std::string correlation_id;
  std::string created_by;  // href of the account
};

/// What makes a change known to the rest of the server; awaited between commit and reply.
using Publication = std::function<Task<>()>;

struct Hooks {
  /// Inside the transaction: keeps the task, returns its href.
  std::function<std::string(db::Connection&, const FinishedTask&)> record_task;
  /// Inside the transaction, after the change.
  std::function<Publication(db::Connection&)> changed;
};

/// An answer before it is turned into a message.
struct Reply {
  int status = 200;
  std::string body = {};  // JSON text; empty: no body
  std::string location = {};
  std::string content_type = "application/json";  // exactly so, clients compare it
  std::string policy = {};                        // Content-Security-Policy, of a page
};

/// For handlers that wait for nothing.
inline Task<Reply> ready(Reply reply) { co_return reply; }

/// A request to a route that is no resource.
struct Call {
  const http::Request& request;
  std::string parent;             // what the first of two wildcards stands for
  std::string id;                 // what the last wildcard stands for
  const access::Account* caller;  // null: anonymous
  std::string correlation_id;
  std::string base;  // "http://host", for absolute links
};

/// A verb that is no resource: POST of a body that is described by fields. Unknown fields are
/// ignored, as Pulp does.
struct Action {
  std::string path;         // below the root; "{id}" and "{number}" are wildcards
  std::string operation;    // its name in the OpenAPI document
  int status = 202;         // of its success, for the document
  std::string target = {};  // kind of the object that "{id}" names: 404 when it is not there
  bool has_options = true;
  std::vector<Field> fields = {};
  std::vector<CrossCheck> checks = {};
  std::shared_ptr<const Json> schema = nullptr;  // of its answer, for the document; or any object
  /// Gets the values in their kept form, defaults filled in. One of the two:
  std::function<Task<Reply>(Call call, std::shared_ptr<const Json> values)> handle = {};
  /// In a transaction; a change of the target's document is kept and made known.
  std::function<Reply(db::Connection& sql, Row& target, const Json& values)> change = {};
};

/// A route written by hand, for what is neither resource nor verb.
struct View {
  std::string path;  // below the root; "{id}" and "{number}" are wildcards
  std::vector<std::string> methods;
  bool anonymous = false;
  std::function<Task<Reply>(Call)> handle;
  bool has_options = true;
  // For the document; without operations it is not in there.
  std::vector<std::string> operations = {};      // by method
  int status = 200;                              // of its success
  bool has_body = true;                          // which then says something
  std::vector<Field> fields = {};                // of the body of a PATCH
  std::string schema_name = {};                  // of what it answers; empty: any object
  std::shared_ptr<const Json> schema = nullptr;  // null: one that a resource has
};

/// The management API: routes from descriptions. Callable from every worker.
class Api {
 public:
  Api(std::vector<Resource> resources, std::vector<Action> actions, std::vector<View> views,
      Options options, Hooks hooks, db::Database& database, const db::SecretBox& secrets,
      access::Accounts& accounts, const Clock& clock, obs::Log& log);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Any path below `/pulp/`, but for content. Answers errors itself, as JSON; throws nothing
  /// but what a bug throws.
  Task<http::Response> handle(http::Request request);
  /// An Error as this API words it, for the session.
  static http::Response render(const http::Request& request, const Error& error);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hubcache::rest
