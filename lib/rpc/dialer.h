// How a program connects to others: in plaintext, with the TLS files of its owner, or by keys.
#ifndef ARKSHARE_LIB_RPC_DIALER_H_
#define ARKSHARE_LIB_RPC_DIALER_H_

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/mutex.h"
#include "lib/rpc/tls_options.h"

namespace arkshare {

// Thread-safe. Channels may outlive it.
class Dialer {
 public:
  static std::shared_ptr<Dialer> Plaintext();
  // Plaintext when `tls` is not enabled. Errors as of MakeChannelCredentials.
  static absl::StatusOr<std::shared_ptr<Dialer>> FromTls(const TlsOptions& tls);
  // Shows `leaf`, which must be of MakeLeafCertificate, to those whom it dials.
  static std::shared_ptr<Dialer> WithKey(const LeafCertificate& leaf);

  // True after WithKey.
  bool uses_keys() const { return leaf_.has_value(); }

  // A program on this machine that takes the place of a relay.
  struct Door {
    std::string address;  // "HOST:PORT"
    std::string lines;    // MakeChannel's `connect_lines`
  };
  // Makes a channel; see MakeChannel for `target`, `read_ahead` and `connect_timeout`. With keys, a
  // call is sent only to the owner of `*expected`, and without `expected` every call fails, because
  // no key says who answers. Otherwise `expected` is ignored. A "unix:" target is always
  // plaintext: the rights of its folder protect it. A relayed target (RelayedTarget) leads to the
  // peer with the key `*expected`, which it requires; with `door`, through that.
  std::shared_ptr<grpc::Channel> Dial(const std::string& target, const PublicKey* expected,
                                      int read_ahead = 0,
                                      absl::Duration connect_timeout = absl::Seconds(5),
                                      const Door* door = nullptr);

  // Says for people why a call on a channel to `target` failed with kIndexUnreachable or
  // kPeerUnreachable; returns every other `status` as it is. `server` is as in FromGrpcStatus.
  // Blocks for some seconds, as WhyNoConnection does.
  //
  // With keys, kWrongKey names the key that answers and the one that was expected, and
  // kHandshakeRefused means that `expected` answers the handshake although the call failed: it does
  // not know this program's key, or it was too slow for the call.
  absl::Status WithCause(const absl::Status& status, absl::string_view server,
                         const std::string& target, const PublicKey* expected);

 private:
  // The last wrong key at each target and expected key, in words.
  class WrongKeys {
   public:
    void Note(const std::string& place, absl::string_view why);
    // Returns "" when there was none. Forgets it.
    std::string Take(const std::string& place);

   private:
    Mutex mutex_;
    absl::flat_hash_map<std::string, std::string> why_ ABSL_GUARDED_BY(mutex_);
  };

  Dialer(std::shared_ptr<grpc::ChannelCredentials> credentials, TlsOptions tls,
         std::optional<LeafCertificate> leaf);

  const std::shared_ptr<grpc::ChannelCredentials> credentials_;  // nullptr with keys
  const TlsOptions tls_;
  const std::optional<LeafCertificate> leaf_;
  const std::shared_ptr<WrongKeys> wrong_keys_ = std::make_shared<WrongKeys>();
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_DIALER_H_
