#pragma once

#include <memory>
#include <string>

#include "hubcache/rest/api.h"
#include "hubcache/rest/parsing.h"
#include "hubcache/rest/rendering.h"
#include "hubcache/rest/store.h"

namespace hubcache::rest {

/// What changed, for the audit log: names of fields, never values (SECURITY 23).
struct Audit {
  std::string action;  // "create", "update", "delete"; empty: nothing changed
  std::string object;  // PRN
  std::string fields = {};
};

/// What a write came to: the reply, and what to await before it is sent.
struct Written {
  Reply reply;
  std::shared_ptr<const Json> values = {};  // of an action that goes on elsewhere; else null
  Publication publish = {};
  Audit audit = {};
};

/// Who asked for a write.
struct Author {
  std::int64_t account = 0;
  std::string href;
  std::string correlation_id;
};

/// The changes clients can make to resources. Each runs inside one transaction: what it returns
/// counts after the commit. A refusal changes nothing and is a reply like any other.
class Writes {
 public:
  Writes(const Store& store, Rendering rendering, const Hooks& hooks)
      : store_(store), rendering_(rendering), hooks_(hooks) {}

  Written create(db::Connection& sql, const Resource& resource, const Parsed& body,
                 const Author& author) const;
  Written update(db::Connection& sql, const Resource& resource, const std::string& id, Mode mode,
                 const Parsed& body, const Author& author) const;
  Written remove(db::Connection& sql, const Resource& resource, const std::string& id,
                 const Author& author) const;
  /// Checks the body of an action, described as a resource's fields, and makes the change if the
  /// action is one.
  Written act(db::Connection& sql, const Action& action, const Resource& described,
              const std::string& id, const Parsed& body) const;
  /// POST `<href>set_label/` and `unset_label/`.
  Written set_label(db::Connection& sql, const Resource& resource, const std::string& id,
                    const Parsed& body) const;
  Written unset_label(db::Connection& sql, const Resource& resource, const std::string& id,
                      const Parsed& body) const;

 private:
  struct TaskOf;
  std::string record(db::Connection& sql, const Author& author, std::string name,
                     const Resource& resource, const Row& row, const Json& result,
                     bool created) const;

  Publication keep_labels(db::Connection& sql, const Resource& resource, const Row& row) const;

  const Store& store_;
  Rendering rendering_;
  const Hooks& hooks_;
};

/// `{"detail": ...}`
Reply detail_reply(int status, std::string detail);
/// 404 for an object that is not there.
Reply no_such_object(const Resource& resource);

}  // namespace hubcache::rest
