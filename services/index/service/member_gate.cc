#include "services/index/service/member_gate.h"

#include <absl/strings/match.h>

#include "lib/core/errors.h"
#include "lib/core/member_roles.h"
#include "lib/rpc/key_credentials.h"

namespace arkshare {
namespace {

constexpr absl::string_view kIndexService = "/arkshare.v1.IndexService/";

class MemberInterceptor final : public grpc::experimental::Interceptor {
 public:
  MemberInterceptor(MemberGate* gate, grpc::experimental::ServerRpcInfo* call)
      : gate_(gate), call_(call) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA) &&
        !gate_->Knows(*call_->server_context())) {
      call_->server_context()->TryCancel();
    }
    methods->Proceed();
  }

 private:
  MemberGate* const gate_;
  grpc::experimental::ServerRpcInfo* const call_;
};

}  // namespace

absl::Status MemberGate::Admit(const LeafClaims& caller) {
  absl::Status admitted = group_->Admit(caller);
  if (!admitted.ok()) refusals_.Note(caller.key, admitted);
  return admitted;
}

absl::StatusOr<Member> MemberGate::Check(const grpc::ServerContextBase& context,
                                         absl::string_view method) {
  const std::optional<PublicKey> key = CallerKey(context);
  if (!key.has_value()) return group_->FindMember(PublicKey());
  absl::StatusOr<Member> member = group_->FindMember(*key);
  if (member.ok()) {
    if (absl::Status s = CheckRole(member->role, method); !s.ok()) member = s;
  }
  if (!member.ok()) refusals_.Note(*key, member.status());
  return member;
}

bool MemberGate::Knows(const grpc::ServerContextBase& context) {
  const std::optional<PublicKey> key = CallerKey(context);
  return key.has_value() && group_->FindMember(*key).ok();
}

grpc::experimental::Interceptor* MemberInterceptors::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* call) {
  if (absl::StartsWith(call->method(), kIndexService)) return nullptr;
  return new MemberInterceptor(gate_, call);
}

}  // namespace arkshare
