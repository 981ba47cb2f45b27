#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hubcache/base/stamps.h"
#include "hubcache/db/connection.h"
#include "hubcache/db/secrets.h"
#include "hubcache/rest/condition.h"
#include "hubcache/rest/json.h"
#include "hubcache/rest/resource.h"
#include "hubcache/rest/stamps.h"

namespace hubcache::rest {

struct Row;

/// The rows of the table `resources`, with their secrets sealed on the way in and opened on the way
/// out. Callable from any thread; the connection says in which transaction.
class Store {
 public:
  /// All outlive this.
  Store(const std::vector<Resource>& resources, const db::SecretBox& secrets, Stamps& stamps,
        std::string root)
      : resources_(resources), secrets_(secrets), stamps_(stamps), root_(std::move(root)) {}

  /// All rows; of a resource that is in the table those for which the condition is true.
  std::vector<Row> all(db::Connection& sql, const Resource& resource,
                       const Condition& where = {}) const;
  /// Of those a page, and how many there are in all: no others are read whole. Of a resource that
  /// is in the table; `order` is what follows ORDER BY.
  struct Page {
    std::vector<Row> rows;
    std::size_t count = 0;
  };
  Page page(db::Connection& sql, const Resource& resource, const Condition& where,
            const std::string& order, std::size_t limit, std::size_t offset) const;
  std::optional<Row> find(db::Connection& sql, const Resource& resource, std::string_view id) const;
  /// The row of that kind, or of any kind of that family.
  std::optional<Row> find(db::Connection& sql, std::string_view family, std::string_view id) const;
  /// The row an href of the resource ends with `key` for, below the object `parent`.
  std::optional<Row> find_at(db::Connection& sql, const Resource& resource, std::string_view parent,
                             std::string_view key) const;
  /// Gives the row its id and times.
  void insert(db::Connection& sql, const Resource& resource, Row& row) const;
  /// Keeps row.doc, with a new time of change, and a new epoch if a field that raises it differs
  /// from `before`.
  void update(db::Connection& sql, const Resource& resource, Row& row, const Json& before) const;
  /// Keeps row.doc and nothing else.
  void rewrite(db::Connection& sql, const Resource& resource, const Row& row) const;
  /// References to it become null.
  void remove(db::Connection& sql, const Row& row) const;

  /// For start-up: as a client's create would, values checked the same way. Throws kBadRequest with
  /// what a client would be told.
  Row create(db::Connection& sql, const Resource& resource, const Json& values) const;
  /// As a client's PATCH would; false when nothing changes.
  bool change(db::Connection& sql, const Resource& resource, Row& row, const Json& values) const;

  const std::vector<Resource>& resources() const noexcept { return resources_; }
  const std::string& root() const noexcept { return root_; }
  Stamps& stamps() const noexcept { return stamps_; }

 private:
  Row row_of(const db::Statement& columns) const;
  void forget_row(db::Connection& sql, const Resource& referrer, const Row& gone) const;
  std::string seal(const Resource& resource, const Row& row) const;
  Json open(const std::string& id, const std::string& text) const;

  const std::vector<Resource>& resources_;
  const db::SecretBox& secrets_;
  Stamps& stamps_;
  std::string root_;
};

}  // namespace hubcache::rest
