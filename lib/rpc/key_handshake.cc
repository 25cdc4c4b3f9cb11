#include "lib/rpc/key_handshake.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/openssl_check.h"
#include "lib/rpc/resolve.h"

namespace arkshare {
namespace {

constexpr char kNoEncryption[] =
    "what answers there does not use TLS; check the address and the port, and that arkshare runs "
    "there with keys";
constexpr char kNoHandshake[] =
    "it ends the TLS handshake at once; check the address and the port, and that arkshare runs "
    "there with keys";
constexpr char kNoAnswer[] =
    "it accepts the connection and does not answer; it hangs, is overloaded, or is not arkshare";

// The answer of a relay is shorter.
constexpr size_t kMostAnswerBytes = 1'024;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

Bio Memory(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all);
  RequireOpenSsl(bio != nullptr);
  return bio;
}

// The certificate is read after the handshake, which proves that the server owns its key.
int AcceptEveryChain(X509_STORE_CTX* /*store*/, void* /*argument*/) { return 1; }

SSL_CTX* NewContext(const LeafCertificate& leaf) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  RequireOpenSsl(context != nullptr);
  RequireOpenSsl(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  // gRPC's servers know this group only; another one first would cost a round trip.
  RequireOpenSsl(SSL_CTX_set1_groups_list(context, "P-256") == 1);
  static constexpr unsigned char kHttp2Name[] = {2, 'h', '2'};
  RequireOpenSsl(SSL_CTX_set_alpn_protos(context, kHttp2Name, sizeof(kHttp2Name)) == 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, AcceptEveryChain, nullptr);
  X509* const certificate =
      PEM_read_bio_X509(Memory(leaf.certificate).get(), nullptr, nullptr, nullptr);
  EVP_PKEY* const key =
      PEM_read_bio_PrivateKey(Memory(leaf.private_key).get(), nullptr, nullptr, nullptr);
  RequireOpenSsl(certificate != nullptr && key != nullptr &&
                 SSL_CTX_use_certificate(context, certificate) == 1 &&
                 SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

int OpenSocket(int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // Closes with a reset: thousands of connections in TIME_WAIT would use up the ports.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  return fd;
}

// The program must ignore SIGPIPE, as TuneProcess does: OpenSSL writes to the socket.
SSL* NewSsl(SSL_CTX* context, int fd) {
  SSL* const ssl = SSL_new(context);
  RequireOpenSsl(ssl != nullptr && (fd < 0 || SSL_set_fd(ssl, fd) == 1));
  return ssl;
}

}  // namespace

KeyHandshakeContext::KeyHandshakeContext(const LeafCertificate& leaf)
    : context_(NewContext(leaf)) {}

KeyHandshakeContext::~KeyHandshakeContext() { SSL_CTX_free(context_); }

KeyHandshake::KeyHandshake(const KeyHandshakeContext& context, const SocketAddress& address,
                           const std::string& authority)
    : fd_(OpenSocket(address.storage.ss_family)),
      ssl_(NewSsl(context.context_, fd_)),
      request_(authority.empty() ? "" : absl::StrCat("CONNECT ", authority, " HTTP/1.1\r\n\r\n")),
      asking_(!authority.empty()),
      events_(POLLOUT) {
  if (fd_ < 0 ||
      (connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0 &&
       errno != EINPROGRESS)) {
    Fail(absl::UnavailableError(ConnectErrorInWords(errno)));
  }
}

KeyHandshake::~KeyHandshake() {
  SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

void KeyHandshake::Advance() {
  if (result_.has_value() || (!connected_ && !FinishConnecting())) return;
  if (asking_ && !FinishAsking()) return;
  ERR_clear_error();
  const int done = SSL_connect(ssl_);
  if (done == 1) {
    ReadCertificate();
  } else {
    const int error = SSL_get_error(ssl_, done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      events_ = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    } else {
      FailAfter(error);
    }
  }
  ERR_clear_error();
}

void KeyHandshake::GiveUp() {
  if (result_.has_value()) return;
  Fail(absl::UnavailableError(connected_ ? kNoAnswer : ConnectErrorInWords(ETIMEDOUT)));
}

// Returns whether the socket is connected.
bool KeyHandshake::FinishConnecting() {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    Fail(absl::UnavailableError(ConnectErrorInWords(error)));
    return false;
  }
  sockaddr_storage peer{};
  length = sizeof(peer);
  connected_ = getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
  return connected_;
}

// Returns whether the relay has connected. It says nothing after its answer, because the client
// begins the handshake.
bool KeyHandshake::FinishAsking() {
  if (!request_.empty()) {
    const ssize_t sent = send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent > 0) request_.erase(0, static_cast<size_t>(sent));
    events_ = request_.empty() ? POLLIN : POLLOUT;
    if (sent < 0 && errno != EAGAIN) Fail(absl::UnavailableError(ConnectErrorInWords(errno)));
    return false;
  }
  char bytes[kMostAnswerBytes];
  const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
  if (got < 0 && errno == EAGAIN) return false;
  if (got > 0) answer_.append(bytes, static_cast<size_t>(got));
  const bool whole = absl::StrContains(answer_, "\r\n\r\n");
  if (!whole && got > 0 && answer_.size() < kMostAnswerBytes) return false;
  if (!whole || !absl::StartsWith(answer_, "HTTP/1.1 200 ")) {
    Fail(absl::UnavailableError(
        absl::StrCat("the relay says: ", absl::CEscape(answer_.substr(0, answer_.find('\r'))))));
    return false;
  }
  asking_ = false;
  events_ = POLLOUT;
  return true;
}

void KeyHandshake::ReadCertificate() {
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_);
  if (sk_X509_num(chain) != 1) {
    return Fail(absl::PermissionDeniedError("it shows more than one certificate"));
  }
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  RequireOpenSsl(bio != nullptr && PEM_write_bio_X509(bio.get(), sk_X509_value(chain, 0)) == 1);
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &pem);
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate({pem, static_cast<size_t>(size)});
  if (!claims.ok()) return Fail(claims.status());
  result_.emplace(claims->key);
}

void KeyHandshake::FailAfter(int ssl_error) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  const bool other_protocol = ssl_error == SSL_ERROR_SSL && ERR_GET_LIB(error) == ERR_LIB_SSL &&
                              reason < SSL_AD_REASON_OFFSET &&
                              reason != SSL_R_UNEXPECTED_EOF_WHILE_READING;
  Fail(absl::UnavailableError(other_protocol ? kNoEncryption : kNoHandshake));
}

namespace {

absl::StatusOr<PublicKey> Await(KeyHandshake& handshake, absl::Time end) {
  while (!handshake.result().has_value()) {
    const absl::Duration left = end - Clock::Real()->Monotonic();
    pollfd wanted{.fd = handshake.fd(), .events = handshake.events(), .revents = 0};
    const int ready = left <= absl::ZeroDuration()
                          ? 0
                          : poll(&wanted, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) handshake.Advance();
    if (ready == 0) handshake.GiveUp();
  }
  return *handshake.result();
}

}  // namespace

absl::StatusOr<PublicKey> ReadKeyAt(const std::string& target, const LeafCertificate& leaf,
                                    absl::Duration timeout) {
  const absl::StatusOr<HostPort> host_port = ParseHostPort(target);
  if (!host_port.ok()) return host_port.status();
  const Resolved resolved = Resolve(*host_port, timeout);
  absl::Status why = absl::UnavailableError(resolved.trouble);
  const KeyHandshakeContext context(leaf);
  const absl::Time end = Clock::Real()->Monotonic() + timeout;
  for (const SocketAddress& address : resolved.addresses) {
    KeyHandshake handshake(context, address);
    absl::StatusOr<PublicKey> key = Await(handshake, end);
    if (key.ok()) return key;
    why = key.status();
  }
  if (absl::IsPermissionDenied(why)) {
    return MakeError(Reason::kWrongKey, absl::StrCat("the program at ", target,
                                                     " is not an index with keys: ", why.message(),
                                                     "; check the address and the port"));
  }
  return MakeError(Reason::kIndexUnreachable,
                   absl::StrCat("cannot reach the index at ", target, ": ", why.message()));
}

}  // namespace arkshare
