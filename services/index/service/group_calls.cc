// The calls of IndexService that are about the group: who may call, Join and ListMembers.
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/member_protos.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"

namespace arkshare {
namespace {

absl::Status GroupUnknown() {
  return MakeError(Reason::kGroupUnknown,
                   "this index has no group: start it with --home DIR to make one");
}

}  // namespace

absl::Status IndexService::CheckCaller(const grpc::ServerContextBase& context,
                                       IndexMethod method) const {
  if (options_.gate == nullptr) return absl::OkStatus();
  return options_.gate->Check(context, MethodName(method)).status();
}

void IndexService::CheckOwner(const std::string& token, const std::optional<PublicKey>& caller,
                              std::function<void(const absl::Status&)> done) const {
  if (options_.gate == nullptr) return done(absl::OkStatus());
  sessions_->KeyOf(token, [caller, done = std::move(done)](const absl::StatusOr<PublicKey>& owner) {
    if (!owner.ok() || caller == *owner) return done(absl::OkStatus());
    done(MakeError(Reason::kSessionUnknown,
                   "this session is of another member: register with your own key"));
  });
}

grpc::ServerUnaryReactor* IndexService::Join(grpc::CallbackServerContext* context,
                                             const v1::JoinRequest* request,
                                             v1::JoinResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kJoin);
  Group* const group = options_.group;
  if (group == nullptr) return Answer(context, timer.End(GroupUnknown()));
  // The reactor and the request live until Finish.
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  joining_.Add([timer, group, context, request, response, reactor] {
    const std::optional<PublicKey> key = CallerKey(*context);
    absl::StatusOr<Member> member =
        group->Join(key.value_or(PublicKey()), CallerJoinProof(*context), request->name());
    if (member.ok()) {
      LogInfo("joined", {{"key", member->key.hex()}, {"name", member->name}});
      response->set_index_public_key(group->key().public_key().bytes());
      *response->mutable_member() = ToProto(*member);
      *response->mutable_members() = WholeUpdate(*group->members());
    } else if (absl::IsInvalidArgument(member.status())) {
      member = MakeError(Reason::kInvalidField, member.status().message());
    }
    reactor->Finish(ToGrpcStatus(timer.End(member.status())));
  });
  return reactor;
}

grpc::ServerUnaryReactor* IndexService::ListMembers(grpc::CallbackServerContext* context,
                                                    const v1::ListMembersRequest* /*request*/,
                                                    v1::ListMembersResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kListMembers);
  absl::Status allowed =
      options_.group == nullptr ? GroupUnknown() : CheckCaller(*context, IndexMethod::kListMembers);
  if (allowed.ok()) *response->mutable_members() = WholeUpdate(*options_.group->members());
  return Answer(context, timer.End(allowed));
}

void IndexService::MembersChanged(const MemberList& before,
                                  const std::shared_ptr<const MemberList>& now) {
  member_updates_.Set(now);
  for (const auto& [key, member] : before.members()) {
    const Member* const left = now->Find(key);
    if (left == nullptr) {
      const absl::Status why =
          MakeError(Reason::kNotAMember, "you have been removed from this group");
      sessions_->EndOf(key, why);
      streams_.EndOf(key, why);
    } else if (left->role != member.role) {
      // The peer registers again, as its new role allows.
      const absl::Status why =
          MakeError(Reason::kSessionUnknown, "your role has changed: register again");
      sessions_->EndOf(key, why);
    }
  }
  streams_.TellMembers();
}

}  // namespace arkshare
