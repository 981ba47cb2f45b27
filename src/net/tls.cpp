#include "hubcache/net/tls.h"

#include <cstdlib>

#include <boost/asio/buffer.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "hubcache/base/error.h"

namespace hubcache::net {
namespace {

// Settings change when an operator edits a remote: few are ever in use at a time.
constexpr std::size_t kMostContexts = 64;

// The directory is looked into when a certificate needs it. The bundle file holds the same, but
// reading all of it takes OpenSSL 3 a fifth of a second, on a worker; so only if somebody set it.
void use_system_authorities(SSL_CTX* context) {
  SSL_CTX_set_default_verify_dir(context);
  if (std::getenv(X509_get_default_cert_file_env()) != nullptr) {
    SSL_CTX_set_default_verify_file(context);
  }
}

std::shared_ptr<asio::ssl::context> make_context(const TlsSettings& settings) {
  namespace ssl = asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  use_system_authorities(context->native_handle());
  context->set_verify_mode(settings.verify ? ssl::verify_peer : ssl::verify_none);
  if (!settings.ca_cert.empty()) {
    context->add_certificate_authority(asio::buffer(settings.ca_cert));
  }
  if (!settings.client_cert.empty()) {
    context->use_certificate_chain(asio::buffer(settings.client_cert));
    const auto& key = settings.client_key.empty() ? settings.client_cert : settings.client_key;
    context->use_private_key(asio::buffer(key), ssl::context::pem);
  }
  return context;
}

}  // namespace

std::shared_ptr<asio::ssl::context> TlsContexts::get(const TlsSettings& settings) {
  if (const auto known = contexts_.find(settings); known != contexts_.end()) return known->second;
  if (contexts_.size() >= kMostContexts) contexts_.clear();
  try {
    return contexts_.emplace(settings, make_context(settings)).first->second;
  } catch (const boost::system::system_error& failure) {
    throw Error(Error::Kind::kUpstream, "the certificates for upstream cannot be used",
                std::string("TLS settings: ") + failure.what());
  }
}

}  // namespace hubcache::net
