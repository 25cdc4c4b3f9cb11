// Certificates by which the owner's other programs act as this peer.
#ifndef ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_
#define ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_

#include "arkshare/v1/peer.pb.h"
#include "lib/core/key.h"
#include "services/peer/group/membership.h"

namespace arkshare {

// Makes a new certificate of `key`, and the list of members; with certificates of the index and all
// other members when `with_authorities` is set.
v1::ExportTlsResponse MakeExportTls(const PrivateKey& key, const Membership& membership,
                                    bool with_authorities);

// Describes the group, with this peer as a member of it.
v1::GroupStatus DescribeGroup(const Membership& membership);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_GROUP_EXPORT_TLS_H_
