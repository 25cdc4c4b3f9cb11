// Converts the members of a group to protos and back.
#ifndef ARKSHARE_LIB_RPC_MEMBER_PROTOS_H_
#define ARKSHARE_LIB_RPC_MEMBER_PROTOS_H_

#include <absl/status/statusor.h>

#include "lib/core/key.h"
#include "lib/core/member_list.h"

// Declared only: protobuf's headers would cost each includer seconds of build time.
namespace arkshare::v1 {
class Member;
class MembersUpdate;
}  // namespace arkshare::v1

namespace arkshare {

v1::Member ToProto(const Member& member);
// Errors: kInvalidField, with a message that names the field.
absl::StatusOr<Member> FromProto(const v1::Member& proto);

// Returns the whole list.
v1::MembersUpdate WholeUpdate(const MemberList& list);
// Returns what leads from `older` to `list`.
v1::MembersUpdate UpdateSince(const MemberList& older, const MemberList& list);
// Returns the list to which `update` leads from `list`. kAnswerInvalid when a field is wrong, the
// version is not newer, or the signature is not that of `index` over the result.
absl::StatusOr<MemberList> ApplyUpdate(const MemberList& list, const v1::MembersUpdate& update,
                                       const PublicKey& index);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_MEMBER_PROTOS_H_
