#include "request_head.h"

#include <string>

#include "hubcache/base/error.h"
#include "hubcache/base/every_byte.h"
#include "hubcache/http/url.h"

namespace hubcache::http {
namespace {

[[noreturn]] void refuse(Problem problem) {
  throw Error(Error::Kind::kBadRequest, std::string("bad request: ") + problem);
}

bool is_target_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && c != '#';
}

// RFC 9112 3.2.2: a target with a host of its own overrides Host; that they differ at all has no
// honest reason.
std::string origin_form(std::string_view target, std::string_view host) {
  const auto url = Url::parse(target);
  if (!url) refuse("the target is neither a path nor a URL");
  const auto named = Url::parse(url->scheme + "://" + std::string(host));
  if (!named || !named->same_origin(*url)) refuse("the target and Host name different hosts");
  const auto start = target.find_first_of("/?", target.find("://") + 3);
  if (start == std::string_view::npos) return "/";
  const auto rest = std::string(target.substr(start));
  return rest.front() == '?' ? "/" + rest : rest;
}

bool read_version(std::string_view version) {
  if (version != "HTTP/1.1" && version != "HTTP/1.0") refuse("unknown version of HTTP");
  return version == "HTTP/1.0";
}

}  // namespace

RequestHead read_request_head(std::string_view block, std::size_t max_target_bytes,
                              Request& request) {
  RequestHead head;
  const auto line = take_line(block);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    refuse("the request line has no three parts");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  if (!is_token(method) || method.size() > 32) refuse("bad method");
  request.method = method;
  if (target.size() > max_target_bytes) {
    throw Error(Error::Kind::kUriTooLong, "the request's target is too long");
  }
  if (target.empty() || !is_every_byte(target, is_target_char)) refuse("bad target");
  head.http_1_0 = read_version(line.substr(last + 1));

  if (const auto* problem = read_fields(block, request.headers)) refuse(problem);
  const Headers& headers = request.headers;
  const auto hosts = headers.count("Host");
  if (hosts > 1 || (hosts == 0 && !head.http_1_0)) refuse("there must be one Host");
  const auto host = headers.get("Host").value_or("");
  if (hosts == 1 && !is_authority(host)) refuse("bad Host");
  if (headers.count("Authorization") > 1) refuse("more than one Authorization");
  if (target.starts_with('/')) {
    request.target = target;
  } else {
    request.target = origin_form(target, host);
  }
  if (const auto* problem = read_framing(headers, head.http_1_0, head.framing)) refuse(problem);

  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers[i];
    if (!same_name(name, "Connection")) continue;
    if (list_has(value, "close")) head.keep_alive = false;
  }
  if (head.http_1_0)
    head.keep_alive = list_has(headers.get("Connection").value_or(""), "keep-alive");
  if (const auto expect = headers.get("Expect"); expect && !head.http_1_0) {
    if (!same_name(*expect, "100-continue")) refuse("unknown expectation");
    head.expects_continue = true;
  }
  return head;
}

}  // namespace hubcache::http
