#include "clients/cli/group_dialer.h"

#include <utility>

#include "clients/cli/no_pipe_signal.h"
#include "lib/core/errors.h"
#include "lib/rpc/key_mode.h"

namespace arkshare {

GroupDialer::GroupDialer(PeerConnection* peer, std::shared_ptr<Dialer> dialer, bool has_tls_files,
                         const Clock* clock)
    : peer_(peer), clock_(clock), has_tls_files_(has_tls_files), dialer_(std::move(dialer)) {}

absl::Status GroupDialer::Ask() {
  const absl::StatusOr<v1::ExportTlsResponse> exported =
      peer_->Call(&v1::PeerService::Stub::ExportTls, v1::ExportTlsRequest());
  const Reason reason = GetReason(exported.status());
  // A peer that is older than groups does not know the call.
  const bool has_none = reason == Reason::kGroupUnknown || absl::IsUnimplemented(exported.status());
  if (!exported.ok() && !has_none && reason != Reason::kPeerUnreachable) return exported.status();
  asked_ = true;
  asked_at_ = clock_->Monotonic();
  if (has_none) {
    group_.reset();
    group_dialer_.reset();
  }
  // A certificate from before the peer went is still good.
  if (!exported.ok()) return absl::OkStatus();
  absl::StatusOr<Group> group = GroupFromProto(*exported);
  if (!group.ok()) return group.status();
  group_ = *std::move(group);
  if (has_tls_files_) return absl::OkStatus();
  [[maybe_unused]] static const bool only_tls13 = (UseTls13Only(), true);
  group_dialer_ = Dialer::WithKey(group_->leaf);
  return absl::OkStatus();
}

const Group* GroupDialer::KnownGroup() {
  Know().IgnoreError();
  return group();
}

const Group* GroupDialer::NewerGroup(absl::Duration age) {
  if (clock_->Monotonic() - asked_at_ >= age) Ask().IgnoreError();
  return group();
}

absl::Status GroupDialer::WithCause(const absl::Status& status, const std::string& server,
                                    const std::string& target, const PublicKey* key) {
  const NoPipeSignal no_signal;
  return dialer().WithCause(status, server, target, key);
}

}  // namespace arkshare
