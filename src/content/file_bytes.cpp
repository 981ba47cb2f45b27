#include "hubcache/content/file_bytes.h"

#include <exception>
#include <optional>
#include <utility>

#include "hubcache/base/http_status.h"
#include "hubcache/content/proof.h"

#include "stopwatch.h"

namespace hubcache::content {
namespace {

/// Has the wait for the head of what is passed through noted.
Task<http::Body> timed(Task<http::Body> passed, http::Served& served) {
  const Stopwatch stopwatch;
  auto body = co_await std::move(passed);
  served.upstream += stopwatch.elapsed();
  co_return body;
}

constexpr const char* kNotByXet =
    "this file cannot be stored now, and so cannot be checked: begun again, or with "
    "HF_HUB_DISABLE_XET=1, it comes by plain HTTP";

constexpr const char* kNotInParts =
    "this file cannot be stored now, and so parts of it cannot be checked, as [content] integrity "
    "= "
    "\"strict\" asks for: it can be had whole";
/// Of the start of a file, to check its end. Clients wait ten seconds for a byte.
constexpr std::uint64_t kMostReadAgain = std::uint64_t{64} << 20;

bool is_by_xet(Manner manner) { return manner == Manner::kXet || manner == Manner::kXetWhole; }

}  // namespace

Task<http::Body> FileBytes::open(UpstreamFile file, Manner manner, http::RangePlan plan,
                                 http::Served& served, std::optional<store::BlobRow> row) {
  served.cache = "pass";
  if (!file.digest) co_return co_await timed(pass(std::move(file), plan), served);
  if (plan.status == 206 && !is_by_xet(manner)) {
    services_.fills.refuse_false_start(file.endpoint->origin_key(), *file.digest, file.size,
                                       plan.range, plan.open_ended);
  }

  auto blob = services_.blobs.find(*file.digest);
  const bool open = blob != nullptr;
  if (!blob) blob = co_await stored(*file.digest, row);
  if (blob) {
    auto body = co_await body_of_blob(std::move(blob), std::move(file), manner, plan, served);
    if (served.cache == "hit") (open ? hits_.memory : hits_.disk).add();
    co_return body;
  }
  co_return co_await fill_or_pass(std::move(file), manner, plan, false, served);
}

std::optional<http::FileSpan> FileBytes::at_once(const hub::Endpoint& endpoint,
                                                 const hub::RepoId& repo,
                                                 const catalog::Entry& entry,
                                                 const http::RangePlan& plan,
                                                 http::Served& served) {
  if (plan.status != http_status::kOk || !entry.digest) return std::nullopt;
  const auto proof = access::Proofs::key_of(endpoint.origin_key(), repo.key(), *entry.digest);
  return whole_at_once(entry, proof, served);
}

std::optional<http::FileSpan> FileBytes::whole_at_once(const catalog::Entry& entry,
                                                       std::string_view proof,
                                                       http::Served& served) {
  const auto blob = open_blob(entry, proof);
  if (!blob) return std::nullopt;
  served.cache = "hit";
  hits_.memory.add();
  return http::FileSpan{.file = blob->file, .offset = 0, .length = entry.size};
}

std::optional<http::FileSpan> FileBytes::stored_at_once(const Digest& digest,
                                                        const store::Disk::FileSize& expected,
                                                        http::Served& served) {
  const auto blob = services_.blobs.find(digest);
  auto file = blob ? blob->file : services_.blobs.open_briefly(digest, expected);
  if (!file || (blob && blob->size != expected.size)) return std::nullopt;
  served.cache = "hit";
  (blob ? hits_.memory : hits_.disk).add();
  return http::FileSpan{.file = std::move(file), .offset = 0, .length = expected.size};
}

std::shared_ptr<const store::Blob> FileBytes::open_blob(const catalog::Entry& entry,
                                                        std::string_view proof) {
  auto blob = services_.blobs.find(*entry.digest);
  const bool is_its = blob && blob->size == entry.size && services_.proofs.is_remembered(proof);
  return is_its ? blob : nullptr;
}

Task<http::Body> FileBytes::fill_or_pass(UpstreamFile file, Manner manner, http::RangePlan plan,
                                         bool afresh, http::Served& served) {
  locate(file);
  if (manner == Manner::kStreamed) co_return co_await timed(pass(std::move(file), plan), served);
  co_return co_await join_fill(std::move(file), manner, plan, afresh, served);
}

Task<http::Body> FileBytes::body_of_blob(std::shared_ptr<const store::Blob> blob, UpstreamFile file,
                                         Manner manner, http::RangePlan plan,
                                         http::Served& served) {
  const std::string origin = file.endpoint->origin_key();
  const std::string repo = file.file.repo.key();
  const bool proven = co_await services_.proofs.is_proven(origin, repo, *file.digest);
  if (!proven && !co_await services_.proofs.is_of_origin(origin, *file.digest)) {
    co_return co_await fill_or_pass(std::move(file), manner, plan, true, served);
  }
  const bool is_same_size = blob->size == file.size;
  if (proven && !is_same_size) {
    throw Error(Error::Kind::kUpstream, "the Hub names a size that the content does not have");
  }
  served.cache = "hit";
  if (!proven) {
    locate(file);
    auto& hub = *services_.hubs[services_.worker];
    // Another size is not told from other bytes: the one that is stored is nobody's to learn.
    std::optional<bool> equal;  // nullopt: ours cannot be read
    try {
      equal =
          is_same_size && co_await delivers_same_bytes(hub, file, bytes_of(services_.store, *blob));
    } catch (const Error& error) {
      if (!is_of_disk(error.kind()) && error.kind() != Error::Kind::kCorrupt) throw;
    }
    if (!equal) {
      services_.blobs.doubt(blob->digest);
      served.cache = "pass";
      co_return co_await fill_or_pass(std::move(file), manner, plan, false, served);
    }
    co_await services_.proofs.record(origin, repo, blob->digest, *equal);
    if (!*equal) {
      throw Error(Error::Kind::kUpstream, "the Hub delivers other bytes than it names");
    }
  }
  co_return http::FileSpan{
      .file = blob->file, .offset = plan.range.offset, .length = plan.range.length};
}

Task<http::Body> FileBytes::join_fill(UpstreamFile file, Manner manner, http::RangePlan plan,
                                      bool afresh, http::Served& served) {
  const std::string origin = file.endpoint->origin_key();
  const std::string repo = file.file.repo.key();
  const std::string via = co_await services_.fills.source_repo(origin, *file.digest);
  if (via.empty()) hub::require_online(*file.endpoint);  // nothing of it is here
  if (!via.empty() && via != repo && !co_await proven_against_fill(file, via, afresh)) {
    co_return co_await instead_of_fill(std::move(file), manner, plan, served);
  }
  services_.budgets.require(file.client);
  auto wanted = wish(file, repo, manner, plan);
  wanted.seen_via = via;
  wanted.afresh = afresh;
  wanted.payer = payer(file.client);
  fill::Joined joined;
  std::optional<Error> refused;
  const Stopwatch stopwatch;
  try {
    joined = co_await services_.fills.join(std::move(wanted));
  } catch (const Error& error) {
    refused = error;
  }
  if (!refused) {
    (joined.started && via.empty() ? hits_.miss : hits_.partial).add();
    served.cache = joined.started ? "miss" : "join";
    served.upstream += stopwatch.elapsed();
    // Nobody would check on the way through what these get: they end with the fill.
    if (is_by_xet(manner) || is_doubtful_part(file, plan)) {
      co_return std::unique_ptr<http::SpanSource>(std::move(joined.body));
    }
    co_return filled_or_passed(std::move(joined.body), *services_.hubs[services_.worker],
                               services_.fills, services_.store, std::move(file), plan.range,
                               services_.log);
  }
  // Another repo's fill began meanwhile, or the blob is stored by now: looked at anew.
  if (refused->kind() == Error::Kind::kConflict) {
    if (auto blob = co_await stored(*file.digest)) {
      auto body = co_await body_of_blob(std::move(blob), std::move(file), manner, plan, served);
      if (served.cache == "hit") hits_.disk.add();
      co_return body;
    }
  } else if (is_of_disk(refused->kind())) {
    services_.log.warn("the disk is full or fails, passing through",
                       {{"digest", file.digest->text()},
                        {"size", file.size},
                        {"message", refused->what()},
                        {"context", refused->context()}});
    // Room does not come soon. That is final for who began by Xet: at 503 they are silent for
    // minutes and then fail, and hf_xet 1.2 does not end at all.
    if (is_by_xet(manner) && refused->kind() == Error::Kind::kNoSpace) {
      throw Error(Error::Kind::kNotFound, kNotByXet);
    }
  } else {
    throw *refused;
  }
  co_return co_await instead_of_fill(std::move(file), manner, plan, served);
}

/// A part that only verified bytes are for, or that may complete a false start.
bool FileBytes::is_doubtful_part(const UpstreamFile& file, const http::RangePlan& plan) const {
  if (plan.range.length >= file.size) return false;
  return services_.fills.is_strict() ||
         fill::Fills::reads_to_end(plan.range, file.size, plan.open_ended) ||
         services_.store.bad_since(file.endpoint->origin_key(), *file.digest);
}

/// Long, and not needed for what is stored, so the routes leave it to this.
void FileBytes::locate(UpstreamFile& file) const {
  const bool by_path = file.digest && file.file.door == hub::Door::kFiles;
  if (by_path) file.location = services_.catalog.location_of(*file.endpoint, file.file);
}

/// Null, too, when the disk fails: then it can still be had from the Hub.
Task<std::shared_ptr<const store::Blob>> FileBytes::stored(Digest digest,
                                                           std::optional<store::BlobRow> row) {
  try {
    co_return co_await services_.blobs.open(digest, row);
  } catch (const Error& error) {
    if (!is_of_disk(error.kind())) throw;
    services_.log.warn("a stored file cannot be opened",
                       {{"digest", digest.text()}, {"context", error.context()}});
  }
  co_return nullptr;
}

/// What Xet clients get nobody would check on the way through, at no end of the file. Who resumes
/// may hold a false start: so that is read again, unless it would take too long.
Task<http::Body> FileBytes::instead_of_fill(UpstreamFile file, Manner manner, http::RangePlan plan,
                                            http::Served& served) {
  if (is_by_xet(manner)) {
    throw Error(Error::Kind::kUnavailable, kNotByXet);
  }
  const bool is_part = plan.range.length < file.size;
  if (is_part && services_.fills.is_strict()) {
    throw Error(Error::Kind::kUnavailable, kNotInParts);
  }
  served.cache = "pass";
  const bool to_end = fill::Fills::reads_to_end(plan.range, file.size, plan.open_ended);
  const bool with_start = is_part && to_end && plan.range.offset <= kMostReadAgain;
  co_return co_await timed(pass(std::move(file), plan, with_start), served);
}

// Bytes that are not verified yet prove nothing against this repo: the answer is not recorded, and
// on a difference the reader is served from its own upstream. What is compared must have come from
// the others: with a source of its own, a repo would be compared with itself.
Task<bool> FileBytes::proven_against_fill(UpstreamFile file, std::string via, bool afresh) {
  const std::string origin = file.endpoint->origin_key();
  if (co_await services_.proofs.is_proven(origin, file.file.repo.key(), *file.digest)) {
    co_return true;
  }
  auto others = wish(file, via, Manner::kPlain, {.status = 206});
  others.afresh = afresh;
  others.for_proof = true;
  others.source = [](std::size_t /*worker*/) { return make_refusing_source(); };
  Sample sample = [this, others](http::ByteRange range) {
    auto one = others;
    one.range = range;
    return read_through_fill(services_.fills, services_.store, std::move(one));
  };
  try {
    auto& hub = *services_.hubs[services_.worker];
    co_return co_await delivers_same_bytes(hub, std::move(file), std::move(sample));
  } catch (const Error& error) {
    if (error.kind() != Error::Kind::kForbidden && !is_of_disk(error.kind())) throw;
  }
  co_return false;
}

Task<http::Body> FileBytes::pass(UpstreamFile file, http::RangePlan plan, bool with_start) {
  services_.budgets.require(file.client);
  const auto paying = payer(file.client);
  const auto bytes = with_start ? plan.range.end() : plan.range.length;
  paying.charge(bytes);
  hits_.passed.add();
  auto& hub = *services_.hubs[services_.worker];
  std::exception_ptr failure;
  try {
    co_return co_await pass_through(hub, services_.fills, services_.store, std::move(file),
                                    plan.range, {.is_read = with_start});
  } catch (...) {
    failure = std::current_exception();
  }
  // Who leaves has had it asked for.
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() == asio::cancellation_type::none) paying.refund(bytes);
  std::rethrow_exception(failure);
}

fill::Wish FileBytes::wish(const UpstreamFile& file, const std::string& repo, Manner manner,
                           const http::RangePlan& plan) const {
  auto source = [&hubs = services_.hubs, file](std::size_t worker) {
    return make_source(*hubs[worker], file);
  };
  fill::Wish wish{.origin = file.endpoint->origin_key(),
                  .digest = *file.digest,
                  .size = file.size,
                  .range = plan.range,
                  .to_end = plan.open_ended,
                  .fresh_start = is_by_xet(manner),
                  .wants_all = manner == Manner::kXetWhole,
                  .background = file.background,
                  .via = repo,
                  .source = std::move(source),
                  .remote = limit_of(*file.endpoint),
                  .max_retries = file.endpoint->max_retries};
  if (const int most = file.endpoint->download_concurrency; most > 0) wish.connections = most;
  return wish;
}

fill::Payer FileBytes::payer(const std::string& client) const {
  auto& budgets = services_.budgets;
  return {.charge = [&budgets, client](std::uint64_t bytes) { budgets.charge(client, bytes); },
          .refund = [&budgets, client](std::uint64_t bytes) { budgets.refund(client, bytes); }};
}

}  // namespace hubcache::content
