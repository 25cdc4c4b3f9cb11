// Mutual TLS between programs that know each other by their Ed25519 keys, without any CA.
#ifndef ARKSHARE_LIB_RPC_KEY_CREDENTIALS_H_
#define ARKSHARE_LIB_RPC_KEY_CREDENTIALS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <optional>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {

// Decides in a handshake whether a caller may connect. A refusal reaches the caller only as a
// broken connection. Called by gRPC's threads, several at a time, so it must not wait.
using KeyGate = std::function<absl::Status(const LeafClaims& caller)>;

// Makes the credentials of a server that shows `leaf`, and accepts callers whose certificate passes
// ReadLeafCertificate and `gate`. Others do not reach HTTP/2. A caller whose key leaves the list
// keeps its connection, so calls must be checked too: see CallerKey.
std::shared_ptr<grpc::ServerCredentials> MakeKeyServerCredentials(const LeafCertificate& leaf,
                                                                  KeyGate gate);

// Called with the reason when another key answers than the expected one. See KeyGate for threads.
using WrongKeyHandler = std::function<void(absl::string_view why)>;

// Makes the credentials of a client that shows `leaf`, and sends a call only to the owner of
// `expected`. The name of the host is not checked. `on_wrong_key` may be null.
std::shared_ptr<grpc::ChannelCredentials> MakeKeyChannelCredentials(const LeafCertificate& leaf,
                                                                    const PublicKey& expected,
                                                                    WrongKeyHandler on_wrong_key);

// The host name for which each of our certificates is valid. Channels that use key credentials set
// it as the name of their target (grpc::ChannelArguments::SetSslTargetNameOverride): otherwise gRPC
// logs an error for each connection to an address that is not in the certificate.
inline constexpr char kKeyTargetName[] = "arkshare";

// Returns the key of the caller, which the handshake has proven. Nothing without key credentials,
// for example on a unix socket.
std::optional<PublicKey> CallerKey(const grpc::ServerContextBase& context);
// Returns the proof of an invitation in the certificate of the caller, if there is one. Whether it
// holds is for KeyGate to find out.
std::optional<JoinProof> CallerJoinProof(const grpc::ServerContextBase& context);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_KEY_CREDENTIALS_H_
