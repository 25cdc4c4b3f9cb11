// The list of members on the wire.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_

#include "arkshare/v1/types.pb.h"
#include "lib/core/member_list.h"

namespace arkshare {

v1::Member ToProto(const Member& member);
// Returns the whole list.
v1::MembersUpdate WholeUpdate(const MemberList& list);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_
