// Certificates by which the owner's other programs act as this peer.
#ifndef ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_
#define ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_

#include "arkshare/v1/peer.pb.h"
#include "lib/core/key.h"
#include "services/peer/group/membership.h"

namespace arkshare {

// Makes a new certificate of `key`, and names the index and all members as those to trust.
v1::ExportTlsResponse MakeExportTls(const PrivateKey& key, const Membership& membership);

// Describes the group, with this peer as a member of it.
v1::GroupStatus DescribeGroup(const Membership& membership);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_
