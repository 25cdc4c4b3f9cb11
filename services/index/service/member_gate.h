// Lets only members of the group call, and only what their roles allow.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_GATE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_GATE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <optional>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/member_list.h"
#include "lib/rpc/refusal_log.h"
#include "services/index/group/group.h"

namespace arkshare {

// A handshake is not enough: a connection stays open when its owner is removed. Thread-safe.
class MemberGate {
 public:
  // `group` must outlive the gate.
  MemberGate(Group* group, const Clock* clock) : group_(group), refusals_(clock) {}

  // Decides in a handshake; see Group::Admit.
  absl::Status Admit(const LeafClaims& caller);
  // Returns the member that calls `method` of IndexService. kNotAMember, kRoleForbids.
  absl::StatusOr<Member> Check(const grpc::ServerContextBase& context, absl::string_view method);
  // True when the caller is a member.
  bool Knows(const grpc::ServerContextBase& context);

 private:
  Group* const group_;
  RefusalLog refusals_;
};

// Cancels the calls of callers that are no members, of all services but IndexService, which checks
// its callers itself and answers with a reason. gRPC makes one object for each call.
class MemberInterceptors final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `gate` must outlive the server.
  explicit MemberInterceptors(MemberGate* gate) : gate_(gate) {}

  // Null for a call of IndexService.
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override;

 private:
  MemberGate* const gate_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_GATE_H_
