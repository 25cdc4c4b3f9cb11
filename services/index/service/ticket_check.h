// The tickets of one UpdateOwner call, checked in parts.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_TICKET_CHECK_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_TICKET_CHECK_H_

#include <absl/status/status.h>
#include <absl/types/span.h>

#include <cstddef>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// Checks the items of a request. Each signature takes a tenth of a millisecond, and a request can
// have a thousand: the caller gives way to other work between the steps. After kMostForged tickets
// that their sources did not sign, the rest is refused without a look. Not thread-safe.
class TicketCheck {
 public:
  static constexpr size_t kMostForged = 8;
  // A step ends after that many signatures or items.
  static constexpr size_t kSignaturesInStep = 16;
  static constexpr size_t kItemsInStep = 200;

  // `request` must outlive it, and have kMaxItems items at most.
  TicketCheck(const v1::UpdateOwnerRequest* request, const PublicKey& receiver)
      : request_(request), receiver_(receiver) {}

  // Checks some more items. Returns whether there are more.
  bool CheckSome();

  // Returns how many of the tickets that were looked at are forged.
  size_t forged() const { return forged_; }
  // The moves of the items that are good, in their order.
  absl::Span<const OwnerChange> changes() const { return changes_; }
  // Returns the answer, when all items are checked and `recorded` are the results of changes().
  v1::UpdateOwnerResponse Answer(absl::Span<const absl::Status> recorded) const;

 private:
  absl::StatusOr<OwnerChange> Check(const v1::UpdateOwnerRequest::Item& item);

  const v1::UpdateOwnerRequest* const request_;
  const PublicKey receiver_;
  TicketVerifier verifier_;
  size_t forged_ = 0;
  std::vector<absl::Status> statuses_;  // of the items that were looked at
  std::vector<OwnerChange> changes_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_TICKET_CHECK_H_
