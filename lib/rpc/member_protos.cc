#include "lib/rpc/member_protos.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "arkshare/v1/types.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"

namespace arkshare {

v1::Member ToProto(const Member& member) {
  v1::Member proto;
  proto.set_public_key(member.key.bytes());
  proto.set_role(static_cast<v1::MemberRole>(member.role));
  proto.set_name(member.name);
  return proto;
}

absl::StatusOr<Member> FromProto(const v1::Member& proto) {
  absl::StatusOr<PublicKey> key = KeyFromProto(proto.public_key(), "member.public_key");
  if (!key.ok()) return key.status();
  if (proto.role() < v1::MEMBER_ROLE_FULL || proto.role() > v1::MEMBER_ROLE_WATCHER) {
    return MakeError(Reason::kInvalidField, "member.role must be FULL, READER or WATCHER");
  }
  if (absl::Status s = CheckMemberName(proto.name()); !s.ok()) {
    return MakeError(Reason::kInvalidField, absl::StrCat("member.name: ", s.message()));
  }
  return Member{*key, static_cast<MemberRole>(proto.role()), proto.name()};
}

v1::MembersUpdate WholeUpdate(const MemberList& list) {
  v1::MembersUpdate update;
  update.set_version(list.version());
  update.set_complete(true);
  for (const auto& [key, member] : list.members()) *update.add_members() = ToProto(member);
  update.set_signature(list.signature());
  return update;
}

v1::MembersUpdate UpdateSince(const MemberList& older, const MemberList& list) {
  v1::MembersUpdate update;
  update.set_version(list.version());
  const MemberChanges changes = list.Since(older);
  for (const Member& member : changes.set) *update.add_members() = ToProto(member);
  for (const PublicKey& key : changes.removed) update.add_removed_public_keys(key.bytes());
  update.set_signature(list.signature());
  return update;
}

absl::StatusOr<MemberList> ApplyUpdate(const MemberList& list, const v1::MembersUpdate& update,
                                       const PublicKey& index) {
  MemberChanges changes;
  for (const v1::Member& proto : update.members()) {
    absl::StatusOr<Member> member = FromProto(proto);
    if (!member.ok()) return AnswerInvalid(member.status().message());
    changes.set.push_back(*std::move(member));
  }
  for (const std::string& bytes : update.removed_public_keys()) {
    absl::StatusOr<PublicKey> key = KeyFromProto(bytes, "removed_public_keys");
    if (!key.ok()) return AnswerInvalid(key.status().message());
    changes.removed.push_back(*key);
  }
  absl::StatusOr<MemberList> applied =
      list.Apply(update.version(), update.complete(), changes, update.signature(), index);
  if (!applied.ok()) {
    return AnswerInvalid(absl::StrCat("the list of members: ", applied.status().message()));
  }
  return applied;
}

}  // namespace arkshare
