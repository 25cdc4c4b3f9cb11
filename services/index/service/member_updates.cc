#include "services/index/service/member_updates.h"

namespace arkshare {

v1::Member ToProto(const Member& member) {
  v1::Member proto;
  proto.set_public_key(member.key.bytes());
  proto.set_role(static_cast<v1::MemberRole>(member.role));
  proto.set_name(member.name);
  return proto;
}

v1::MembersUpdate WholeUpdate(const MemberList& list) {
  v1::MembersUpdate update;
  update.set_version(list.version());
  update.set_complete(true);
  for (const auto& [key, member] : list.members()) *update.add_members() = ToProto(member);
  update.set_signature(list.signature());
  return update;
}

}  // namespace arkshare
