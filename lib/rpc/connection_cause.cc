#include "lib/rpc/connection_cause.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/certificates.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr char kUsesTls[] =
    "it uses TLS, and this program does not; give --tls-cert, --tls-key and --tls-ca as it does";
constexpr char kUsesKeys[] =
    "it belongs to a group and lets only members in, and this program has no key; start your peer "
    "with --join INVITATION, or give --tls-cert, --tls-key and --tls-ca of arkshare-cli tls DIR";
constexpr char kNotAdmitted[] =
    "it belongs to a group that does not know this program's certificate; its key was removed from "
    "the group, or is of another one: ask for an invitation, and run arkshare-cli tls DIR again";
constexpr char kNewMember[] =
    "its key is not in --tls-ca; if it has joined the group since, run arkshare-cli tls DIR again";
constexpr char kUsesNoTls[] =
    "it does not use TLS, and this program does; leave out --tls-cert, --tls-key and --tls-ca, or "
    "give them to it too";
constexpr char kSomethingElse[] =
    "something else than arkshare answers there; check the address and the port";
constexpr char kHangs[] =
    "it accepts the connection and does not answer; it hangs, is overloaded, or is not arkshare";
constexpr char kOwnRefused[] =
    "it refuses this program's certificate; give both programs certificates of one CA";

// The first bytes of an HTTP/2 client, and an empty SETTINGS frame.
constexpr char kHttp2Preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
constexpr size_t kFrameHeaderBytes = 9;
constexpr char kSettingsFrame = 4;
constexpr char kTlsAlertRecord = 0x15;

using SslContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

absl::Time Now() { return Clock::Real()->Monotonic(); }

// Waits for `events` of poll(2). False: the time has passed.
bool Await(int fd, short events, absl::Time end) {
  pollfd wanted{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const absl::Duration left = std::max(end - Now(), absl::ZeroDuration());
    const int ready = poll(&wanted, 1, static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// True for a certificate of a program that uses keys (MakeLeafCertificate).
bool IsByKey(const X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> text(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (text == nullptr || PEM_write_bio_X509(text.get(), certificate) != 1) return false;
  char* pem = nullptr;
  const long size = BIO_get_mem_data(text.get(), &pem);
  return ReadLeafCertificate({pem, static_cast<size_t>(size)}).ok();
}

// Returns 0 when the socket is connected before `end`, otherwise why not, as in errno.
int ConnectBefore(const Socket& socket, const SocketAddress& address, absl::Time end) {
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) ==
      0) {
    return 0;
  }
  if (errno != EINPROGRESS) return errno;
  if (!Await(socket.fd(), POLLOUT, end)) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

// The reaction of a server to the first bytes of a client.
enum class Answer { kHttp2, kTls, kOther, kClosed, kNothing };

// One conversation with a server at one address.
class Caller {
 public:
  Caller(const SocketAddress& address, const TlsOptions& tls, absl::Time end)
      : address_(address), tls_(tls), end_(end) {}

  std::string FindCause() const {
    const int error = ConnectError();
    if (error != 0) return ConnectErrorInWords(error);
    return tls_.enabled() ? CauseWithTls() : CauseWithoutTls();
  }

 private:
  int ConnectError() const {
    const Socket socket = Open();
    return ConnectBefore(socket, address_, end_);
  }

  Socket Open() const {
    return Socket(
        socket(address_.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  std::string CauseWithoutTls() const {
    switch (AskInPlaintext()) {
      case Answer::kHttp2:
        return "";
      case Answer::kTls:
        return CauseOfTls(kUsesTls);
      case Answer::kOther:
        return kSomethingElse;
      case Answer::kNothing:
        return kHangs;
      case Answer::kClosed:
        // A server with TLS may close without a word what does not begin like TLS.
        return CauseOfTls(kSomethingElse);
    }
    return "";
  }

  // Says what HTTP/2 clients say first, and looks at the first bytes of the answer.
  Answer AskInPlaintext() const {
    const Socket socket = Open();
    if (ConnectBefore(socket, address_, end_) != 0) return Answer::kClosed;
    if (send(socket.fd(), kHttp2Preface, sizeof(kHttp2Preface) - 1, MSG_NOSIGNAL) < 0) {
      return Answer::kClosed;
    }
    char bytes[kFrameHeaderBytes];
    size_t n = 0;
    while (n < sizeof(bytes)) {
      if (!Await(socket.fd(), POLLIN, end_)) return n == 0 ? Answer::kNothing : Answer::kOther;
      const ssize_t got = recv(socket.fd(), bytes + n, sizeof(bytes) - n, 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) break;
      n += static_cast<size_t>(got);
    }
    if (n == 0) return Answer::kClosed;
    if (bytes[0] == kTlsAlertRecord) return Answer::kTls;
    const bool settings = n == sizeof(bytes) && bytes[3] == kSettingsFrame && bytes[5] == 0 &&
                          bytes[6] == 0 && bytes[7] == 0 && bytes[8] == 0;
    return settings ? Answer::kHttp2 : Answer::kOther;
  }

  enum class Shown { kNothing, kByKey, kOther };

  // Begins TLS, and returns what certificate the server shows, good or not.
  Shown ReadCertificate() const {
    const SslContextPtr context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    const Socket socket = Open();
    if (ConnectBefore(socket, address_, end_) != 0) return Shown::kNothing;
    const SslPtr ssl = NewSsl(context.get(), socket);
    (void)Handshake(ssl.get(), socket);
    const X509* const certificate = SSL_get0_peer_certificate(ssl.get());
    const Shown shown = certificate == nullptr ? Shown::kNothing
                        : IsByKey(certificate) ? Shown::kByKey
                                               : Shown::kOther;
    ERR_clear_error();
    return shown;
  }

  // Returns the cause by the certificate of the server; `otherwise` when it shows none.
  std::string CauseOfTls(const char* otherwise) const {
    switch (ReadCertificate()) {
      case Shown::kNothing:
        return otherwise;
      case Shown::kByKey:
        return kUsesKeys;
      case Shown::kOther:
        return kUsesTls;
    }
    return "";
  }

  static SslPtr NewSsl(SSL_CTX* context, const Socket& socket) {
    static constexpr unsigned char kHttp2Name[] = {2, 'h', '2'};
    SslPtr ssl(SSL_new(context), &SSL_free);
    SSL_set_fd(ssl.get(), socket.fd());
    SSL_set_alpn_protos(ssl.get(), kHttp2Name, sizeof(kHttp2Name));
    return ssl;
  }

  // Repeats a step of OpenSSL until it needs nothing more from the network. Returns its last result
  // as of SSL_get_error; SSL_ERROR_WANT_READ when the time has passed.
  template <typename Step>
  int Repeat(SSL* ssl, const Socket& socket, Step step) const {
    while (true) {
      ERR_clear_error();
      const int result = step(ssl);
      if (result > 0) return SSL_ERROR_NONE;
      const int error = SSL_get_error(ssl, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return error;
      const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      if (!Await(socket.fd(), events, end_)) return SSL_ERROR_WANT_READ;
    }
  }

  int Handshake(SSL* ssl, const Socket& socket) const {
    return Repeat(ssl, socket, [](SSL* s) { return SSL_connect(s); });
  }

  std::string CauseWithTls() const {
    if (std::string own = OwnCertificateTrouble(tls_, absl::Now()); !own.empty()) return own;
    const SslContextPtr context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_use_certificate_chain_file(context.get(), tls_.cert_file.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), tls_.key_file.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_load_verify_file(context.get(), tls_.ca_file.c_str());
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context.get()),
                         X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const Socket socket = Open();
    if (const int error = ConnectBefore(socket, address_, end_); error != 0) {
      return ConnectErrorInWords(error);
    }
    const SslPtr ssl = NewSsl(context.get(), socket);
    if (const int failed = Handshake(ssl.get(), socket); failed != SSL_ERROR_NONE) {
      return CauseOfHandshake(ssl.get(), failed);
    }
    // With TLS 1.3, a server judges the client's certificate after the client's last step.
    char byte = 0;
    const int failed =
        Repeat(ssl.get(), socket, [&byte](SSL* s) { return SSL_read(s, &byte, sizeof(byte)); });
    ERR_clear_error();
    if (failed == SSL_ERROR_NONE) return "";
    return failed == SSL_ERROR_WANT_READ ? kHangs : OwnRefused();
  }

  std::string OwnRefused() const {
    return ReadCertificate() == Shown::kByKey ? kNotAdmitted : kOwnRefused;
  }

  std::string CauseOfHandshake(SSL* ssl, int failed) const {
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    ERR_clear_error();
    if (failed == SSL_ERROR_WANT_READ) return kHangs;
    const long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK && ReadCertificate() == Shown::kByKey) return kNewMember;
    if (verified != X509_V_OK) {
      return absl::StrCat(
          "its certificate ",
          CertificateErrorInWords(static_cast<int>(verified), SSL_get0_peer_certificate(ssl)));
    }
    // The server has sent a certificate, which is good: it is the server that ends it.
    if (SSL_get0_peer_certificate(ssl) != nullptr || IsAlert(reason)) return OwnRefused();
    switch (AskInPlaintext()) {
      case Answer::kHttp2:
        return kUsesNoTls;
      case Answer::kOther:
        return kSomethingElse;
      default:
        return "it does not complete the TLS handshake; check that arkshare with TLS runs there";
    }
  }

  // Alerts that a server sends have the numbers 1000 and more.
  static bool IsAlert(int reason) { return reason >= SSL_AD_REASON_OFFSET; }

  const SocketAddress& address_;
  const TlsOptions& tls_;
  const absl::Time end_;
};

}  // namespace

std::string WhyNoConnection(const std::string& target, const TlsOptions& tls,
                            absl::Duration patience) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(target);
  if (!parsed.ok()) return "";
  const Resolved resolved = Resolve(*parsed, patience);
  if (!resolved.trouble.empty()) return resolved.trouble;
  const absl::Time end = Now() + patience;
  std::string cause;
  for (const SocketAddress& address : resolved.addresses) {
    cause = Caller(address, tls, end).FindCause();
    if (cause.empty()) break;
  }
  return cause;
}

absl::Status WithCause(const absl::Status& status, absl::string_view server,
                       const std::string& target, const TlsOptions& tls) {
  const Reason reason = GetReason(status);
  if (reason != Reason::kIndexUnreachable && reason != Reason::kPeerUnreachable) return status;
  const std::string cause = WhyNoConnection(target, tls);
  if (cause.empty()) return status;
  return MakeError(reason, absl::StrCat("cannot reach ", server, ": ", cause));
}

}  // namespace arkshare
