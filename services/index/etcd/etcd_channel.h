// A channel to one endpoint of etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CHANNEL_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CHANNEL_H_

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "lib/rpc/tls_options.h"

namespace arkshare {

// Makes the credentials of all channels: plaintext without TLS files. The certificate of an
// endpoint must be for its host. kInvalidField names a file that cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeEtcdCredentials(
    const TlsOptions& tls);

// Makes a channel of its own connection to HOST:PORT. It pings each 10 s during calls and never
// without one: etcd ends a connection that pings more often, or without calls.
std::shared_ptr<grpc::Channel> MakeEtcdChannel(
    const std::string& endpoint, const std::shared_ptr<grpc::ChannelCredentials>& credentials);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CHANNEL_H_
