// Finds out for people why a server cannot be reached. gRPC's own messages do not say it: dropped
// packets, an expired certificate and plaintext against TLS look alike in them.
#ifndef ARKSHARE_LIB_RPC_CONNECTION_CAUSE_H_
#define ARKSHARE_LIB_RPC_CONNECTION_CAUSE_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>

#include "lib/rpc/tls_options.h"

namespace arkshare {

inline constexpr absl::Duration kCausePatience = absl::Seconds(2);

// Connects to `target` ("HOST:PORT") without gRPC, as a client with these TLS files would, and
// returns what goes wrong and what to do, such as "nothing listens there; is it running?". Returns
// "" when a server answers as it should. Blocks, for up to `patience`, or twice that when a name
// server is slow too. Thread-safe.
std::string WhyNoConnection(const std::string& target, const TlsOptions& tls,
                            absl::Duration patience = kCausePatience);

// Returns "cannot reach SERVER: CAUSE" with the same Reason when `status` is kIndexUnreachable or
// kPeerUnreachable and WhyNoConnection finds a cause; otherwise `status`. `server` is as in
// FromGrpcStatus. Blocks like WhyNoConnection.
absl::Status WithCause(const absl::Status& status, absl::string_view server,
                       const std::string& target, const TlsOptions& tls);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONNECTION_CAUSE_H_
