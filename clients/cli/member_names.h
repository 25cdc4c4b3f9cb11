// The names of the members of the group, kept fresh.
#ifndef ARKSHARE_CLIENTS_CLI_MEMBER_NAMES_H_
#define ARKSHARE_CLIENTS_CLI_MEMBER_NAMES_H_

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "clients/cli/group_dialer.h"
#include "clients/cli/index_connection.h"
#include "clients/cli/peer_names.h"
#include "lib/core/clock.h"

namespace arkshare {

// Not thread-safe.
class MemberNames {
 public:
  // All must outlive it.
  MemberNames(GroupDialer* dialer, IndexConnection* index, const Clock* clock)
      : dialer_(dialer), index_(index), clock_(clock) {}

  // Returns the names of the group's members, as the own peer has them; with TLS files and without
  // a peer in a group, as the index has them; none without a group. Asks at the first call, and
  // again when `public_key`, if not empty, is not a member's, at most once a second. The result is
  // valid until the next call of this object.
  const PeerNames& Get(absl::string_view public_key = "");

 private:
  const PeerNames& FromIndex(absl::string_view public_key);

  GroupDialer* const dialer_;
  IndexConnection* const index_;
  const Clock* const clock_;
  PeerNames index_names_;
  absl::Time index_names_due_ = absl::InfinitePast();  // when the index may be asked; monotonic
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_MEMBER_NAMES_H_
