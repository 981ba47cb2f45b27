#include "hubcache/net/server_tls.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <sys/stat.h>

#include "hubcache/base/error.h"
#include "hubcache/base/fd.h"

namespace hubcache::net {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::string_view kProtocol("\x08http/1.1", 9);  // RFC 7301 3.1

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return text != nullptr ? text : "OpenSSL does not say why";
}

Error unusable(std::string_view what, const std::filesystem::path& file, const std::string& why) {
  return {Error::Kind::kBadRequest,
          "the " + std::string(what) + " " + file.string() + " cannot be used: " + why};
}

void require_readable(std::string_view what, const std::filesystem::path& file) {
  const Fd opened(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!opened || ::fstat(opened.get(), &status) != 0) {
    throw unusable(what, file, std::strerror(errno));
  }
  // OpenSSL would wait for whoever writes to a pipe.
  if (!S_ISREG(status.st_mode)) throw unusable(what, file, "it is no plain file");
}

/// Clients that offer HTTP/2 too learn that this is not spoken.
int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void* /*unused*/) {
  unsigned char* found = nullptr;
  const auto* ours = reinterpret_cast<const unsigned char*>(kProtocol.data());
  const int verdict =
      SSL_select_next_proto(&found, size, ours, kProtocol.size(), offered, offered_size);
  if (verdict != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

TlsContext load(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  require_readable("certificate", certificate);
  require_readable("key", key);
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) throw Error(Error::Kind::kInternal, "no TLS context", reason());
  auto* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(
      raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Sockets do not block: what was written in part is gone on with from wherever it is by then.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);  // a record, or several, in one read
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate.c_str()) != 1) {
    throw unusable("certificate", certificate, reason());
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool other = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    throw unusable("key", key, other ? "it is not the key of " + certificate.string() : reason());
  }
  return context;
}

}  // namespace

ServerTls::ServerTls(std::filesystem::path certificate, std::filesystem::path key,
                     const Clock& clock, obs::Log& log)
    : certificate_(std::move(certificate)),
      key_(std::move(key)),
      clock_(clock),
      log_(log),
      looked_at_(clock.steady()),
      version_(version()),
      context_(load(certificate_, key_)) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets whose peers are gone
}

TlsContext ServerTls::current() {
  const auto now = clock_.steady();
  if (now - looked_at_ >= kLookEvery) {
    looked_at_ = now;
    reload();
  }
  return context_;
}

void ServerTls::reload() {
  auto found = version();
  if (found == version_) return;
  version_ = std::move(found);  // tried once, whatever comes of it
  try {
    context_ = load(certificate_, key_);
    log_.info("certificate reloaded", {{"file", certificate_.string()}});
  } catch (const Error& failure) {
    log_.error("certificate not reloaded", {{"reason", failure.what()}});
  }
}

std::string ServerTls::version() const {
  std::string text;
  for (const auto* file : {&certificate_, &key_}) {
    struct stat status{};
    if (::stat(file->c_str(), &status) != 0) {
      text += "none ";
      continue;
    }
    for (const auto part :
         {std::int64_t(status.st_ino), std::int64_t(status.st_size),
          std::int64_t(status.st_mtim.tv_sec), std::int64_t(status.st_mtim.tv_nsec)}) {
      (text += std::to_string(part)) += ' ';
    }
  }
  return text;
}

}  // namespace hubcache::net
