// The way in which the CLI connects to the index and to other peers.
#ifndef ARKSHARE_CLIENTS_CLI_GROUP_DIALER_H_
#define ARKSHARE_CLIENTS_CLI_GROUP_DIALER_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <memory>
#include <optional>
#include <string>

#include "clients/cli/group.h"
#include "clients/cli/peer_connection.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/rpc/dialer.h"

namespace arkshare {

// Knows the group of the own peer, and dials as this peer when it is in one, with a certificate
// that it exports (ExportTls). Otherwise dials with the TLS files of the options, or in plaintext.
// Errors are as in Connection. Not thread-safe.
class GroupDialer {
 public:
  // `dialer` is for a peer without a group, and has the TLS files of the options when there are
  // some: those are used in a group too. `peer` and `clock` must outlive it.
  GroupDialer(PeerConnection* peer, std::shared_ptr<Dialer> dialer, bool has_tls_files,
              const Clock* clock);

  // Asks the peer for its group. OK also when it has none, or no peer answers.
  absl::Status Ask();
  // Asks unless it was asked before.
  absl::Status Know() { return asked_ ? absl::OkStatus() : Ask(); }

  // The group as the last answer has it; nullptr without a group.
  const Group* group() const { return group_.has_value() ? &*group_ : nullptr; }
  // The same after Know, whose error counts as no answer.
  const Group* KnownGroup();
  // The same, asked for again when the last answer has this age.
  const Group* NewerGroup(absl::Duration age);

  bool has_tls_files() const { return has_tls_files_; }
  // Whether it dials as a member of the group.
  bool dials_as_member() const { return group_dialer_ != nullptr; }
  // For the index and other peers.
  Dialer& dialer() { return group_dialer_ != nullptr ? *group_dialer_ : *dialer_; }
  // The key that the index must prove; null without a group.
  const PublicKey* IndexKey() const { return group_.has_value() ? &group_->index : nullptr; }
  // Says why a connection failed, which blocks for some seconds.
  absl::Status WithCause(const absl::Status& status, const std::string& server,
                         const std::string& target, const PublicKey* key);

 private:
  PeerConnection* const peer_;
  const Clock* const clock_;
  const bool has_tls_files_;
  const std::shared_ptr<Dialer> dialer_;  // with the TLS files of the options, or plaintext
  bool asked_ = false;
  absl::Time asked_at_ = absl::InfinitePast();  // Clock::Monotonic
  std::optional<Group> group_;
  std::shared_ptr<Dialer> group_dialer_;  // nullptr without a group, and with TLS files
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_GROUP_DIALER_H_
