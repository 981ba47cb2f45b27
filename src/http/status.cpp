#include "hubcache/http/status.h"

namespace hubcache::http {

int status_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kBadRequest:
      return 400;
    case Error::Kind::kUnauthorized:
      return 401;
    case Error::Kind::kForbidden:
      return 403;
    case Error::Kind::kNotFound:
      return 404;
    case Error::Kind::kMethodNotAllowed:
      return 405;
    case Error::Kind::kNotAcceptable:
      return 406;
    case Error::Kind::kConflict:
      return 409;
    case Error::Kind::kPreconditionFailed:
      return 412;
    case Error::Kind::kPayloadTooLarge:
      return 413;
    case Error::Kind::kUriTooLong:
      return 414;
    case Error::Kind::kUnsupportedMedia:
      return 415;
    case Error::Kind::kHeadersTooLarge:
      return 431;
    case Error::Kind::kMisdirected:
      return 421;
    case Error::Kind::kTooManyRequests:
      return 429;
    case Error::Kind::kLoop:
      return 508;
    case Error::Kind::kRequestTimeout:
      return 408;
    case Error::Kind::kUpstream:
      return 502;
    case Error::Kind::kUpstreamTimeout:
      return 504;
    case Error::Kind::kUnavailable:
      return 503;
    case Error::Kind::kCorrupt:
      return 502;
    case Error::Kind::kNoSpace:
      return 503;
    case Error::Kind::kIo:
      return 500;
    case Error::Kind::kCancelled:
      return 503;
    case Error::Kind::kInternal:
      return 500;
  }
  return 500;
}

}  // namespace hubcache::http
