// A TLS handshake without gRPC and HTTP/2, which proves what Ed25519 key listens at an address. It
// costs a third of a channel of gRPC.
#ifndef ARKSHARE_LIB_RPC_KEY_HANDSHAKE_H_
#define ARKSHARE_LIB_RPC_KEY_HANDSHAKE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <optional>
#include <string>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/host_port.h"

// Declared only, as in <openssl/types.h>.
struct ssl_ctx_st;
struct ssl_st;

namespace arkshare {

// The caller's side of many handshakes, which show the same certificate. Thread-safe.
class KeyHandshakeContext {
 public:
  // `leaf` must be of MakeLeafCertificate.
  explicit KeyHandshakeContext(const LeafCertificate& leaf);
  ~KeyHandshakeContext();
  KeyHandshakeContext(const KeyHandshakeContext&) = delete;
  KeyHandshakeContext& operator=(const KeyHandshakeContext&) = delete;

 private:
  friend class KeyHandshake;
  ssl_ctx_st* const context_;
};

// One handshake, which never blocks: its owner waits with poll(2) until fd() has one of events(),
// and then calls Advance. It ends with the object, also before it is done. Not thread-safe.
//
// A server that refuses the caller does so after it has proven its own key, so a good result does
// not mean that the caller may call.
class KeyHandshake {
 public:
  // Begins to connect. `context` must outlive the object. With `authority` (relayed_target.h) the
  // address is that of a relay, which is first asked to connect to that.
  KeyHandshake(const KeyHandshakeContext& context, const SocketAddress& address,
               const std::string& authority = "");
  ~KeyHandshake();
  KeyHandshake(const KeyHandshake&) = delete;
  KeyHandshake& operator=(const KeyHandshake&) = delete;

  int fd() const { return fd_; }
  // POLLIN or POLLOUT.
  short events() const { return events_; }
  // Goes on as far as is possible without waiting. Does nothing once there is a result.
  void Advance();
  // Ends the handshake, because it takes too long, with an error that says at what it has stopped.
  void GiveUp();

  // Nothing while the handshake goes on. Then the key that the server has proven, or for people the
  // reason why there is none. Unavailable: nothing listens there, it does not answer, or it is not
  // TLS. PermissionDenied: the certificate is not one of arkshare.
  const std::optional<absl::StatusOr<PublicKey>>& result() const { return result_; }

 private:
  bool FinishConnecting();
  bool FinishAsking();
  void ReadCertificate();
  void FailAfter(int ssl_error);
  void Fail(const absl::Status& why) { result_.emplace(why); }

  const int fd_;
  ssl_st* const ssl_;
  bool connected_ = false;
  std::string request_;  // to the relay; empty once it is sent, or without a relay
  bool asking_;          // the relay
  std::string answer_;   // of the relay
  short events_;
  std::optional<absl::StatusOr<PublicKey>> result_;
};

// Returns the key of the index that listens at `target` ("HOST:PORT"). A program that joins a group
// needs it to make a JoinProof, and must first compare its IndexFingerprint with the invitation's.
// Blocks for up to `timeout`, or twice that when a name server is slow too. Thread-safe.
//
// Errors, with messages for people: InvalidArgument for a bad target; kIndexUnreachable when
// nothing there answers with TLS; kWrongKey when the certificate is not one of arkshare.
absl::StatusOr<PublicKey> ReadKeyAt(const std::string& target, const LeafCertificate& leaf,
                                    absl::Duration timeout);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_KEY_HANDSHAKE_H_
