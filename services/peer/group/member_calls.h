// Admits members of the group as callers of FileService, and ends their calls when they are
// removed.
#ifndef ARKSHARE_SERVICES_PEER_GROUP_MEMBER_CALLS_H_
#define ARKSHARE_SERVICES_PEER_GROUP_MEMBER_CALLS_H_

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <grpcpp/server_context.h>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/mutex.h"
#include "lib/rpc/refusal_log.h"
#include "services/peer/group/membership.h"

namespace arkshare {

// A handshake is not enough: a connection stays open when its owner is removed. Thread-safe.
class MemberCalls {
 public:
  // A running call of a member. Move-only.
  class Call {
   public:
    Call() = default;  // of a caller that is not checked
    Call(Call&& other) noexcept;
    Call& operator=(Call&& other) noexcept;
    ~Call();

   private:
    friend class MemberCalls;
    Call(MemberCalls* calls, const PublicKey& key, grpc::ServerContextBase* context)
        : calls_(calls), key_(key), context_(context) {}

    MemberCalls* calls_ = nullptr;
    PublicKey key_;
    grpc::ServerContextBase* context_ = nullptr;
  };

  // `membership` must outlive it, and must not be applied to before.
  MemberCalls(Membership* membership, const Clock* clock);
  ~MemberCalls();

  // Decides in a handshake: members may connect, and the index, which looks whether this peer can
  // be reached. kNotAMember.
  absl::Status Admit(const LeafClaims& caller);
  // OK when the caller may call `method` of FileService now. kNotAMember, kRoleForbids.
  absl::Status Check(const grpc::ServerContextBase& context, absl::string_view method);
  // The same, and cancels the call when its caller is removed while the result lives. The context
  // must outlive the result.
  absl::StatusOr<Call> Begin(grpc::ServerContextBase* context, absl::string_view method);

 private:
  using Contexts = absl::flat_hash_set<grpc::ServerContextBase*>;

  void EndCallsOfOthers(const MemberList& members);
  void End(const Call& call);

  Membership* const membership_;
  RefusalLog refusals_;
  Mutex mutex_;
  absl::flat_hash_map<PublicKey, Contexts> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_GROUP_MEMBER_CALLS_H_
