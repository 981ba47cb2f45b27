#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/access/grants.h"
#include "hubcache/base/lru.h"
#include "hubcache/catalog/catalog.h"
#include "hubcache/content/file_bytes.h"
#include "hubcache/content/ground.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"

namespace hubcache::content {

/// What FileRoute said of a whole file that everybody may read, said again: the header as it was,
/// and the bytes from the blob that is open. It is found by the request's target alone; whatever
/// could have changed since is looked at each time, in memory: its Ground, entry, blob and proof.
/// Where one of them is not as it was, or the request has a field that could matter, it says
/// nothing, and the request goes the long way. Of files that it does not know StoredFiles may say
/// something. One per worker.
class WarmFiles {
 public:
  WarmFiles(const Services& services, FileBytes& bytes, const http::PublicName& name)
      : services_(services),
        bytes_(bytes),
        name_(name),
        warm_(kRemembered / services.hubs.size()) {}

  /// What http::Site::at_once is for.
  std::optional<http::Response> find(const http::Request& request);

  /// Where an answer came from.
  struct Source {
    const Place& place;
    const hub::FileRef& file;
    const std::string& commit;
    const catalog::EntryPtr& entry;
  };
  /// Remembers FileRoute's answer if the like of it can be found again. The right to the file was
  /// everybody's, by the name that was asked for, and in no part stale.
  void keep(const http::Request& request, const Source& source, const http::Response& response);
  /// Of one whose bytes had to be looked for StoredFiles remembers where; of one that it knows,
  /// this.
  void keep_stored(const http::Request& request, const Source& source,
                   const http::Response& response);

 private:
  using Lines = std::shared_ptr<const std::string>;
  struct Warm {
    Ground ground;
    std::string key;    // of Catalog
    std::string proof;  // key of Proofs
    std::string base;   // this server's URL, which the offer of Xet in `head` has
    catalog::EntryPtr entry;
    std::string etag;  // quoted
    // Null: was not asked for yet.
    Lines whole{};
    Lines not_modified{};
    Lines head{};
  };
  enum class Form : std::uint8_t { kWhole, kNotModified, kHead };
  static std::optional<Form> form_of(const http::Request& request, std::string_view etag);
  static Lines& lines_of(Warm& warm, Form form);
  std::optional<http::Response> find_in(Warm& warm, const http::Request& request);
  static bool can_be_kept(const http::Request& request, const Source& source);

  static constexpr std::size_t kRemembered = 4'096;  // in all workers; some 4 kB each
  // What clients choose; each is in memory several times.
  static constexpr std::size_t kLongestTarget = 512;
  static constexpr std::size_t kLongestBase = 256;

  const Services& services_;
  FileBytes& bytes_;
  const http::PublicName& name_;
  Lru<Warm> warm_;
};

}  // namespace hubcache::content
