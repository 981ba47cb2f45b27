#include "hubcache/net/address.h"

#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>

namespace hubcache::net {
namespace {

bool allowed(const char* text, bool allow_private = false) {
  return may_connect(asio::ip::make_address(text), allow_private);
}

TEST(Security17, PublicAddressesMayBeConnected) {
  for (const char* text : {"1.1.1.1", "99.255.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
                           "192.169.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1",
                           "64:ff9b::1.1.1.1", "::ffff:8.8.8.8", "2002:0808:0808::1"}) {
    EXPECT_TRUE(allowed(text)) << text;
  }
}

TEST(Security17, InsideAddressesNeedPermission) {
  for (const char* text :
       {"0.0.0.0",   "0.1.2.3",     "10.0.0.1",    "100.64.0.1",     "127.0.0.1",
        "127.9.9.9", "169.254.1.1", "172.16.0.1",  "172.31.255.255", "192.168.1.1",
        "192.0.0.1", "198.18.0.1",  "224.0.0.1",   "239.1.1.1",      "255.255.255.255",
        "::",        "::1",         "fe80::1",     "fec0::1",        "fc00::1",
        "fd12::1",   "ff02::1",     "2001:db8::1", "2001::1",        "64:ff9b:1::1"}) {
    EXPECT_FALSE(allowed(text)) << text;
    EXPECT_TRUE(allowed(text, true)) << text;
  }
}

TEST(Security17, WrappedAddressesAreUnwrapped) {
  for (const char* text :
       {"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:192.168.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1", "2002:0a00:0001::1", "2002:7f00:0001::", "::10.0.0.1"}) {
    EXPECT_FALSE(allowed(text)) << text;
  }
}

TEST(Security17, MetadataAddressesAreNeverConnected) {
  for (const char* text :
       {"169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1", "169.254.170.2", "100.100.100.200", "fd00:ec2::23"}) {
    EXPECT_FALSE(allowed(text, true)) << text;
    EXPECT_FALSE(allowed(text, false)) << text;
  }
}

}  // namespace
}  // namespace hubcache::net
