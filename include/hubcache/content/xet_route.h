#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hubcache/content/file_bytes.h"
#include "hubcache/content/services.h"
#include "hubcache/http/message.h"
#include "hubcache/http/range.h"
#include "hubcache/hub/grammar.h"
#include "hubcache/xet/reconstruction.h"
#include "hubcache/xet/tokens.h"

namespace hubcache::content {

/// What follows "_cas/" in the path of a Xet client's request (contract/xet.md, "Routes").
struct CasRoute {
  enum class Kind : std::uint8_t { kReconstruction, kXorb, kTelemetry };
  Kind kind = Kind::kTelemetry;
  xet::Format format = xet::Format::kV1;  // of kReconstruction
  std::string hash{};                     // of the file, or the xorb

  /// nullopt for what is none of them.
  static std::optional<CasRoute> parse(std::string_view below);
};

/// Is it a file that Xet clients can be offered, by what it is?
bool has_xet(const catalog::Entry& entry);
/// Says in the answer to a HEAD, or to a GET that asks for it, that the file can be had by Xet too.
void offer_xet(const Place& place, const hub::FileRef& file, const catalog::Entry& entry,
               http::Response& response);
/// Does the request want to know of Xet, in place of the file (contract/hub.md 1.6)?
bool asks_for_xet(const http::Request& request);
/// What it gets then; `response` has what is said of the file.
http::Response xet_file_info(http::Response response, const catalog::Entry& entry);

/// The content-addressed store that Xet clients speak to, made of plain files (contract/xet.md).
/// They verify nothing, so only what is verified in the end is handed out (FileBytes,
/// Manner::kXet). Tokens and xorb URLs are proof of nothing but who was let in: guard, right,
/// commit and entry are looked at anew for each. Lives on one worker.
class XetRoute {
 public:
  static constexpr std::string_view kBelow = "_cas/";

  /// `tokens`: null when Xet is off.
  XetRoute(Services& services, FileBytes& bytes, const xet::Tokens* tokens)
      : services_(services), bytes_(bytes), tokens_(tokens) {}

  bool is_on() const noexcept { return tokens_ != nullptr; }
  /// A token for a repo at a commit, and where to go with it.
  Task<http::Response> read_token(const http::Request& request, Place place,
                                  std::string distribution, hub::Route asked);
  /// What the request's token says. Throws kUnauthorized, or kForbidden for a xorb, when it has
  /// none of ours that holds.
  xet::Claims claims_of(const http::Request& request, const CasRoute& asked) const;
  /// The answer to one who has passed `place` with the credentials in the claims.
  Task<http::Response> answer(const http::Request& request, Place place, xet::Claims claims,
                              CasRoute asked);

 private:
  /// A file that may be read, as it is now.
  struct File {
    UpstreamFile upstream;
    std::string xet;              // what Xet calls it
    std::int64_t generation = 0;  // of the names of its xorbs: another after a false download
  };
  Task<std::string> commit_of(const Place& place, access::Right right, std::string revision);
  Task<http::Response> reconstruct(const http::Request& request, Place place, xet::Claims claims,
                                   CasRoute asked);
  Task<http::Response> xorb(const http::Request& request, Place place, xet::Claims claims,
                            std::string hash);
  Task<File> look_at(Place place, xet::Claims claims, std::string path);
  Task<http::Body> open(File file, xet::Claims claims, http::RangePlan part,
                        std::shared_ptr<http::Served> served);

  Services& services_;
  FileBytes& bytes_;
  const xet::Tokens* tokens_;
};

}  // namespace hubcache::content
