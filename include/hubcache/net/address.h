#pragma once

#include <boost/asio/ip/address.hpp>

#include "hubcache/base/task.h"

namespace hubcache::net {

/// May hubcache connect to this address (SECURITY 17)? Private, loopback, link-local, unique local,
/// shared (CGNAT), multicast and reserved addresses only with `allow_private`; the metadata
/// services of clouds never. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as
/// the IPv4 address it leads to.
bool may_connect(const asio::ip::address& address, bool allow_private);

}  // namespace hubcache::net
