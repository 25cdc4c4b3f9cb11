#include "services/index/admin/admin_service.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/member_protos.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStandardLife = absl::Hours(72);

// Gives a status of Group the reason that its code means here.
grpc::Status Answer(const absl::Status& status, Reason not_found = Reason::kInternal) {
  if (status.ok() || GetReason(status) != Reason::kUnspecified) return ToGrpcStatus(status);
  Reason reason = Reason::kInternal;
  if (absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status)) {
    reason = Reason::kInvalidField;
  }
  if (absl::IsResourceExhausted(status)) reason = Reason::kLimitExceeded;
  if (absl::IsFailedPrecondition(status)) reason = Reason::kMembersOutdated;
  if (absl::IsNotFound(status)) reason = not_found;
  return ToGrpcStatus(MakeError(reason, status.message()));
}

absl::StatusOr<MemberRole> RoleFromProto(v1::MemberRole role) {
  if (role == v1::MEMBER_ROLE_FULL || role == v1::MEMBER_ROLE_READER ||
      role == v1::MEMBER_ROLE_WATCHER) {
    return static_cast<MemberRole>(role);
  }
  return MakeError(Reason::kInvalidField, "the role must be full, reader or watcher");
}

google::protobuf::Timestamp TimestampOf(absl::Time time) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::ToUnixSeconds(time));
  return proto;
}

absl::StatusOr<Group::InviteOptions> OptionsOf(const v1::InviteRequest& request) {
  Group::InviteOptions options;
  const absl::StatusOr<MemberRole> role = RoleFromProto(request.role());
  if (!role.ok()) return role.status();
  options.role = *role;
  options.name = request.name();
  options.uses = std::max<uint32_t>(request.uses(), 1);
  options.life = kStandardLife;
  if (request.has_life()) {
    const absl::StatusOr<absl::Duration> life = DurationFromProto(request.life(), "life");
    if (!life.ok()) return life.status();
    options.life = *life;
  }
  options.addresses.assign(request.addresses().begin(), request.addresses().end());
  return options;
}

}  // namespace

grpc::Status AdminService::Invite(grpc::ServerContext* /*context*/,
                                  const v1::InviteRequest* request, v1::InviteResponse* response) {
  const absl::StatusOr<Group::InviteOptions> options = OptionsOf(*request);
  if (!options.ok()) return Answer(options.status());
  const absl::StatusOr<std::string> word = group_->Invite(*options);
  if (!word.ok()) return Answer(word.status());
  const std::string id = InvitationId(ReadInvitation(*word)->secret);
  response->set_word(*word);
  response->set_id(ToHex(id));
  const Invitations invitations = group_->invitations();
  if (const IssuedInvitation* const issued = invitations.Find(id)) {
    *response->mutable_expires_at() = TimestampOf(issued->expires_at);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListInvitations(grpc::ServerContext* /*context*/,
                                           const v1::ListInvitationsRequest* /*request*/,
                                           v1::ListInvitationsResponse* response) {
  const Invitations invitations = group_->invitations();
  std::vector<std::pair<std::string, IssuedInvitation>> all(invitations.all().begin(),
                                                            invitations.all().end());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second.expires_at > b.second.expires_at;
  });
  for (const auto& [id, issued] : all) {
    v1::ListInvitationsResponse::Invitation& proto = *response->add_invitations();
    proto.set_id(ToHex(id));
    proto.set_role(static_cast<v1::MemberRole>(issued.role));
    proto.set_name(issued.name);
    proto.set_uses(issued.uses);
    *proto.mutable_expires_at() = TimestampOf(issued.expires_at);
    proto.set_cancelled(issued.cancelled);
    for (const InvitationUse& use : issued.used_by) {
      proto.add_used_by_public_keys(use.key.bytes());
    }
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::CancelInvitation(grpc::ServerContext* /*context*/,
                                            const v1::CancelInvitationRequest* request,
                                            v1::CancelInvitationResponse* /*response*/) {
  const absl::StatusOr<std::string> id = FromHex(request->id());
  return Answer(group_->CancelInvitation(id.ok() ? *id : ""), Reason::kInvitationUnknown);
}

grpc::Status AdminService::ListGroup(grpc::ServerContext* /*context*/,
                                     const v1::ListGroupRequest* /*request*/,
                                     v1::ListGroupResponse* response) {
  response->set_index_public_key(group_->key().public_key().bytes());
  *response->mutable_members() = WholeUpdate(*group_->members());
  return grpc::Status::OK;
}

grpc::Status AdminService::SetMember(grpc::ServerContext* /*context*/,
                                     const v1::SetMemberRequest* request,
                                     v1::SetMemberResponse* /*response*/) {
  const absl::StatusOr<PublicKey> key = KeyFromProto(request->member().public_key(), "public_key");
  if (!key.ok()) return Answer(key.status());
  const absl::StatusOr<MemberRole> role = RoleFromProto(request->member().role());
  if (!role.ok()) return Answer(role.status());
  return Answer(group_->SetMember({*key, *role, request->member().name()}));
}

grpc::Status AdminService::RemoveMember(grpc::ServerContext* /*context*/,
                                        const v1::RemoveMemberRequest* request,
                                        v1::RemoveMemberResponse* /*response*/) {
  const absl::StatusOr<PublicKey> key = KeyFromProto(request->public_key(), "public_key");
  if (!key.ok()) return Answer(key.status());
  return Answer(group_->RemoveMember(*key), Reason::kMemberUnknown);
}

grpc::Status AdminService::ImportMembers(grpc::ServerContext* /*context*/,
                                         const v1::ImportMembersRequest* request,
                                         v1::ImportMembersResponse* response) {
  if (absl::Status s = group_->ImportMembers(request->text()); !s.ok()) return Answer(s);
  const std::shared_ptr<const MemberList> members = group_->members();
  response->set_version(members->version());
  response->set_members(static_cast<uint32_t>(members->members().size()));
  return grpc::Status::OK;
}

}  // namespace arkshare
