// The scene of the chaos tests: a book that is to move from peer "s" to peer "r", and the state in
// which everything must end, whatever happened in between.
#ifndef ARKSHARE_TESTS_CHAOS_SCENE_H_
#define ARKSHARE_TESTS_CHAOS_SCENE_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "tests/support/cluster.h"

namespace arkshare {

// The peers that have a visible copy of a book in the end: their names, sorted.
struct Ending {
  std::string bytes;
  std::vector<std::string> holders;
};

// Waits until the auditor finds nothing open and no damage in all folders of the cluster, exactly
// these peers have the books on their disks, and the index names exactly them. Then the auditor's
// program has to say the same.
testing::AssertionResult EndsWith(Cluster& cluster, const std::vector<Ending>& endings);

// The auditor's program on folders as they lie there now, with nothing running on them: no damage.
testing::AssertionResult Undamaged(const std::vector<std::string>& folders);

// "s" with `book` under the name "195", "r", and the index, each with these failpoints.
absl::Status StartMove(Cluster& cluster, const std::string& book,
                       const std::string& source_failpoints = "",
                       const std::string& receiver_failpoints = "",
                       const std::string& index_failpoints = "");

v1::FetchRequest Wish(const std::string& name);

// A receiver without a program: signs what it wants to say.
class Stranger {
 public:
  Stranger() : key_(PrivateKey::Generate()) {}

  const PublicKey& key() const { return key_.public_key(); }
  // A signed request for one listing.
  v1::ReleaseRequest ReleaseRequestFor(const PublicKey& source, const ReleaseItem& item) const;
  v1::ConfirmRequest ConfirmRequestFor(const PublicKey& source, const TransferId& transfer) const;
  // The ticket, or the refusal with its Reason.
  absl::StatusOr<MoveTicket> Release(PeerProcess& source, const PublicKey& source_key,
                                     const ReleaseItem& item) const;
  absl::Status Confirm(PeerProcess& source, const PublicKey& source_key,
                       const TransferId& transfer) const;

 private:
  PrivateKey key_;
};

// Calls as they are, for requests that no honest peer would send.
absl::StatusOr<v1::ReleaseResponse> CallRelease(PeerProcess& peer,
                                                const v1::ReleaseRequest& request);
absl::StatusOr<v1::ConfirmResponse> CallConfirm(PeerProcess& peer,
                                                const v1::ConfirmRequest& request);

// Asks a peer as its owner does.
absl::StatusOr<v1::ListLimboResponse> Limbo(PeerProcess& peer);
absl::Status RestoreLimbo(PeerProcess& peer, const std::string& transfer_id);
absl::StatusOr<v1::KeepTransferResponse> Keep(PeerProcess& peer, const std::string& transfer_id);
// Limits what it sends from now on; 0: as fast as it can.
absl::Status SetUploadLimit(PeerProcess& peer, uint64_t bytes_per_second);
inline absl::Status LiftUploadLimit(PeerProcess& peer) { return SetUploadLimit(peer, 0); }

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_CHAOS_SCENE_H_
