// AdminService on the wire: parses requests, calls Group, converts the results.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_SERVICE_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_SERVICE_H_

#include <grpcpp/server_context.h>

#include "arkshare/v1/admin.grpc.pb.h"
#include "services/index/group/group.h"

namespace arkshare {

// Each call waits for the disk. Thread-safe.
class AdminService final : public v1::AdminService::Service {
 public:
  // `group` must outlive it.
  explicit AdminService(Group* group) : group_(group) {}

  grpc::Status Invite(grpc::ServerContext* context, const v1::InviteRequest* request,
                      v1::InviteResponse* response) override;
  grpc::Status ListInvitations(grpc::ServerContext* context,
                               const v1::ListInvitationsRequest* request,
                               v1::ListInvitationsResponse* response) override;
  grpc::Status CancelInvitation(grpc::ServerContext* context,
                                const v1::CancelInvitationRequest* request,
                                v1::CancelInvitationResponse* response) override;
  grpc::Status ListGroup(grpc::ServerContext* context, const v1::ListGroupRequest* request,
                         v1::ListGroupResponse* response) override;
  grpc::Status SetMember(grpc::ServerContext* context, const v1::SetMemberRequest* request,
                         v1::SetMemberResponse* response) override;
  grpc::Status RemoveMember(grpc::ServerContext* context, const v1::RemoveMemberRequest* request,
                            v1::RemoveMemberResponse* response) override;
  grpc::Status ImportMembers(grpc::ServerContext* context, const v1::ImportMembersRequest* request,
                             v1::ImportMembersResponse* response) override;

 private:
  Group* const group_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_SERVICE_H_
