#pragma once

/// Status codes by their names in RFC 9110 section 15, RFC 6585 (429) and RFC 5842 (508).
namespace hubcache::http_status {

inline constexpr int kOk = 200;
inline constexpr int kNotModified = 304;
inline constexpr int kNoContent = 204;
inline constexpr int kPartialContent = 206;
inline constexpr int kBadRequest = 400;
inline constexpr int kUnauthorized = 401;
inline constexpr int kForbidden = 403;
inline constexpr int kNotFound = 404;
inline constexpr int kMethodNotAllowed = 405;
inline constexpr int kRangeNotSatisfiable = 416;
inline constexpr int kTooManyRequests = 429;
inline constexpr int kInternalServerError = 500;
inline constexpr int kNotImplemented = 501;
inline constexpr int kLoopDetected = 508;

}  // namespace hubcache::http_status
