#include "hubcache/base/error.h"

#include <cerrno>
#include <system_error>

namespace hubcache {

Error Error::from(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return *error;
  return {Kind::kInternal, "internal error", std::string(failure.what())};
}

Error Error::from(std::exception_ptr failure) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const std::exception& known) {
    return from(known);
  } catch (...) {
    return {Kind::kInternal, "internal error", std::string("not a std::exception")};
  }
}

Error Error::from_errno(int code, std::string_view doing) {
  const bool full = code == ENOSPC || code == EDQUOT;
  const std::string message = full ? "no space left" : "the disk failed";
  std::string context(doing);
  context += ": " + std::generic_category().message(code);
  return {full ? Kind::kNoSpace : Kind::kIo, message, std::move(context)};
}

std::string_view name_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kBadRequest:
      return "bad_request";
    case Error::Kind::kUnauthorized:
      return "unauthorized";
    case Error::Kind::kForbidden:
      return "forbidden";
    case Error::Kind::kNotFound:
      return "not_found";
    case Error::Kind::kMethodNotAllowed:
      return "method_not_allowed";
    case Error::Kind::kNotAcceptable:
      return "not_acceptable";
    case Error::Kind::kConflict:
      return "conflict";
    case Error::Kind::kPreconditionFailed:
      return "precondition_failed";
    case Error::Kind::kPayloadTooLarge:
      return "payload_too_large";
    case Error::Kind::kUriTooLong:
      return "uri_too_long";
    case Error::Kind::kUnsupportedMedia:
      return "unsupported_media";
    case Error::Kind::kHeadersTooLarge:
      return "headers_too_large";
    case Error::Kind::kMisdirected:
      return "misdirected";
    case Error::Kind::kTooManyRequests:
      return "too_many_requests";
    case Error::Kind::kLoop:
      return "loop";
    case Error::Kind::kRequestTimeout:
      return "request_timeout";
    case Error::Kind::kUpstream:
      return "upstream";
    case Error::Kind::kUpstreamTimeout:
      return "upstream_timeout";
    case Error::Kind::kUnavailable:
      return "unavailable";
    case Error::Kind::kCorrupt:
      return "corrupt";
    case Error::Kind::kNoSpace:
      return "no_space";
    case Error::Kind::kIo:
      return "io";
    case Error::Kind::kCancelled:
      return "cancelled";
    case Error::Kind::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace hubcache
