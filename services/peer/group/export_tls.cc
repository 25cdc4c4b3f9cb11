#include "services/peer/group/export_tls.h"

#include <memory>
#include <optional>
#include <string>

#include "lib/core/leaf_certificate.h"
#include "lib/rpc/member_protos.h"

namespace arkshare {

v1::ExportTlsResponse MakeExportTls(const PrivateKey& key, const Membership& membership,
                                    bool with_authorities) {
  v1::ExportTlsResponse response;
  const LeafCertificate leaf = MakeLeafCertificate(key, {});
  response.set_certificate(leaf.certificate);
  response.set_private_key(leaf.private_key);
  const PublicKey& index = membership.group().index;
  response.set_index_public_key(index.bytes());
  const std::shared_ptr<const MemberList> list = membership.list();
  *response.mutable_members() = WholeUpdate(*list);
  if (!with_authorities) return response;
  std::string trusted = MakeTrustAnchor(index);
  for (const auto& [member, unused] : list->members()) {
    if (member != key.public_key()) trusted += MakeTrustAnchor(member);
  }
  response.set_certificate_authorities(trusted);
  return response;
}

v1::GroupStatus DescribeGroup(const Membership& membership) {
  v1::GroupStatus status;
  status.set_index_public_key(membership.group().index.bytes());
  if (const std::optional<Member> self = membership.self()) {
    *status.mutable_member() = ToProto(*self);
  }
  const std::shared_ptr<const MemberList> list = membership.list();
  status.set_members_version(list->version());
  status.set_member_count(static_cast<uint32_t>(list->members().size()));
  return status;
}

}  // namespace arkshare
