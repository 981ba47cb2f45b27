#include "hubcache/net/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace hubcache::net {
namespace {

using V4 = asio::ip::address_v4;
using V6 = asio::ip::address_v6;

struct Block4 {
  std::uint32_t prefix;
  int bits;
};

// IANA's registry of special-purpose addresses (RFC 6890), multicast and what is reserved.
constexpr std::array<Block4, 15> kSpecial4{{
    {0x00000000, 8},   // 0/8, "this host"
    {0x0a000000, 8},   // 10/8
    {0x64400000, 10},  // 100.64/10, CGNAT
    {0x7f000000, 8},   // 127/8
    {0xa9fe0000, 16},  // 169.254/16
    {0xac100000, 12},  // 172.16/12
    {0xc0000000, 24},  // 192.0.0/24
    {0xc0000200, 24},  // 192.0.2/24
    {0xc0586300, 24},  // 192.88.99/24, 6to4 relays
    {0xc0a80000, 16},  // 192.168/16
    {0xc6120000, 15},  // 198.18/15
    {0xc6336400, 24},  // 198.51.100/24
    {0xcb007100, 24},  // 203.0.113/24
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
}};

constexpr std::array<std::uint32_t, 4> kMetadata4{
    0xa9fea9fe,  // 169.254.169.254
    0xa9feaa02,  // 169.254.170.2, AWS ECS
    0xa9feaa17,  // 169.254.170.23, AWS EKS
    0x646464c8,  // 100.100.100.200, Alibaba
};

struct Block6 {
  std::array<std::uint8_t, 8> prefix;  // the first 64 bits suffice
  int bits;
};

constexpr std::array<Block6, 9> kSpecial6{{
    {{0xfc}, 7},                              // unique local
    {{0xfe, 0x80}, 10},                       // link-local
    {{0xfe, 0xc0}, 10},                       // site-local
    {{0xff}, 8},                              // multicast
    {{0x20, 0x01, 0x0d, 0xb8}, 32},           // documentation
    {{0x20, 0x01, 0x00, 0x00}, 23},           // IETF protocols, Teredo
    {{0x01}, 64},                             // 100::/64, discard
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 1}, 48},  // local NAT64
    {{0x3f, 0xff}, 20},                       // documentation
}};

// fd00:ec2::254 and ::23
bool is_metadata6(const V6::bytes_type& bytes) {
  V6::bytes_type service{0xfd, 0x00, 0x0e, 0xc2};
  service[14] = 0x02;
  service[15] = 0x54;
  if (bytes == service) return true;
  service[14] = 0x00;
  service[15] = 0x23;
  return bytes == service;
}

V4 v4_at(const V6::bytes_type& bytes, std::size_t at) {
  return V4({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
}

bool has_prefix(const V6::bytes_type& bytes, const std::array<std::uint8_t, 8>& prefix, int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const auto mask = static_cast<std::uint8_t>(bits >= 8 ? 0xff : 0xff << (8 - bits));
    if ((bytes[i] & mask) != (prefix[i] & mask)) return false;
  }
  return true;
}

bool is_zero(const V6::bytes_type& bytes, std::size_t from, std::size_t to) {
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                     bytes.begin() + static_cast<std::ptrdiff_t>(to),
                     [](std::uint8_t byte) { return byte == 0; });
}

std::optional<V4> embedded(const V6& address) {
  const auto bytes = address.to_bytes();
  if (is_zero(bytes, 0, 10) && bytes[10] == 0xff && bytes[11] == 0xff) return v4_at(bytes, 12);
  if (has_prefix(bytes, {0x00, 0x64, 0xff, 0x9b}, 64) && is_zero(bytes, 8, 12)) {
    return v4_at(bytes, 12);
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return v4_at(bytes, 2);
  // ::a.b.c.d, long given up; holds :: and ::1, which fall into 0/8.
  if (is_zero(bytes, 0, 12)) return v4_at(bytes, 12);
  return std::nullopt;
}

bool may_connect4(const V4& address, bool allow_private) {
  const std::uint32_t value = address.to_uint();
  if (std::ranges::find(kMetadata4, value) != kMetadata4.end()) return false;
  return allow_private || std::ranges::none_of(kSpecial4, [&](const Block4& b) {
           return (value ^ b.prefix) >> (32 - b.bits) == 0;
         });
}

}  // namespace

bool may_connect(const asio::ip::address& address, bool allow_private) {
  if (address.is_v4()) return may_connect4(address.to_v4(), allow_private);
  const auto v6 = address.to_v6();
  if (const auto v4 = embedded(v6)) return may_connect4(*v4, allow_private);
  const auto bytes = v6.to_bytes();
  if (is_metadata6(bytes)) return false;
  return allow_private || std::ranges::none_of(kSpecial6, [&](const Block6& b) {
           return has_prefix(bytes, b.prefix, b.bits);
         });
}

}  // namespace hubcache::net
