#include "services/peer/group/member_calls.h"

#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/member_roles.h"
#include "lib/rpc/key_credentials.h"

namespace arkshare {
namespace {

absl::Status NotAMember() {
  return MakeError(Reason::kNotAMember,
                   "this key is not a member of the group; ask the owner of its index for an "
                   "invitation");
}

}  // namespace

MemberCalls::Call::Call(Call&& other) noexcept { *this = std::move(other); }

MemberCalls::Call& MemberCalls::Call::operator=(Call&& other) noexcept {
  std::swap(calls_, other.calls_);
  std::swap(key_, other.key_);
  std::swap(context_, other.context_);
  return *this;
}

MemberCalls::Call::~Call() {
  if (calls_ != nullptr) calls_->End(*this);
}

MemberCalls::MemberCalls(Membership* membership, const Clock* clock)
    : membership_(membership), refusals_(clock) {
  membership_->SetListener([this](const MemberList& members) { EndCallsOfOthers(members); });
}

MemberCalls::~MemberCalls() { membership_->SetListener(nullptr); }

absl::Status MemberCalls::Admit(const LeafClaims& caller) {
  if (caller.key == membership_->group().index) return absl::OkStatus();
  if (membership_->list()->Find(caller.key) != nullptr) return absl::OkStatus();
  absl::Status refused = NotAMember();
  refusals_.Note(caller.key, refused);
  return refused;
}

absl::Status MemberCalls::Check(const grpc::ServerContextBase& context, absl::string_view method) {
  const std::optional<PublicKey> key = CallerKey(context);
  if (!key.has_value()) return NotAMember();
  const std::shared_ptr<const MemberList> members = membership_->list();
  const Member* const member = members->Find(*key);
  absl::Status allowed = member == nullptr ? NotAMember() : CheckRole(member->role, method);
  if (!allowed.ok()) refusals_.Note(*key, allowed);
  return allowed;
}

absl::StatusOr<MemberCalls::Call> MemberCalls::Begin(grpc::ServerContextBase* context,
                                                     absl::string_view method) {
  const std::optional<PublicKey> key = CallerKey(*context);
  if (!key.has_value()) return NotAMember();
  {
    MutexLock lock(&mutex_);
    running_[*key].insert(context);
  }
  Call call(this, *key, context);
  // After the call is known: a list that comes from now on ends it.
  if (absl::Status s = Check(*context, method); !s.ok()) return s;
  return call;
}

void MemberCalls::End(const Call& call) {
  MutexLock lock(&mutex_);
  const auto found = running_.find(call.key_);
  found->second.erase(call.context_);
  if (found->second.empty()) running_.erase(found);
}

void MemberCalls::EndCallsOfOthers(const MemberList& members) {
  MutexLock lock(&mutex_);
  for (const auto& [key, contexts] : running_) {
    if (members.Find(key) != nullptr) continue;
    LogInfo("calls_of_removed_member_ended", {{"key", key.hex()}, {"calls", contexts.size()}});
    for (grpc::ServerContextBase* context : contexts) context->TryCancel();
  }
}

}  // namespace arkshare
