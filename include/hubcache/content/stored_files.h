#pragma once

#include <optional>

#include "hubcache/content/file_bytes.h"
#include "hubcache/content/ground.h"
#include "hubcache/content/stored_table.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// Stored files that everybody may read, in some 200 bytes each: where there are more than the
/// other memories hold, a read of one needs no database and mostly no other thread. As with
/// WarmFiles, what could have changed is looked at each time. One for all workers, callable from
/// each.
class StoredFiles {
 public:
  /// The answer to a request that has nothing out of the ordinary, if this knows the file, and the
  /// kernel has its name in memory. Once in a while it says nothing, so that a file which is asked
  /// for often comes to WarmFiles.
  std::optional<http::Response> find(const http::Request& request, const Services& services,
                                     FileBytes& bytes);

  /// A file that was sent whole, from the store, where it is `file`. True when it was known before:
  /// it is read often, or find() could not say it.
  bool keep(const http::Request& request, const Services& services, const Ground& ground,
            const hub::FileRef& name, const catalog::Entry& entry, const Fd& file);

  /// Of an open file that this may have had sent. Looks through all.
  std::optional<Digest> digest_of(const store::Store& store, const Fd& file) const;

 private:
  StoredTable table_;
};

}  // namespace hubcache::content
