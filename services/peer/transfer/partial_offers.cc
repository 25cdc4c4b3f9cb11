#include "services/peer/transfer/partial_offers.h"

#include <fcntl.h>

#include <utility>

#include "lib/core/merkle.h"

namespace arkshare {
namespace {

// A smaller book is here before other peers have heard of it.
constexpr uint64_t kMinPieces = 8;

}  // namespace

void PartialOffers::Begin(Transfer& transfer, int fd) {
  const TransferRecord& record = transfer.record;
  if (record.move || PieceCount(record.content.size) < kMinPieces) return;
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  absl::StatusOr<uint64_t> number = listings_->DrawNumber();
  if (!own.valid() || !number.ok()) return;
  transfer.offer = partials_->Begin(record.content, std::move(own));
  transfer.offer_listing = *number;
  library_->feed().AnnouncePartial({*number, record.name, record.content, /*partial=*/true});
}

void PartialOffers::End(Transfer& transfer) {
  if (transfer.offer == nullptr) return;
  library_->feed().WithdrawPartial(transfer.offer_listing);
  partials_->End(std::exchange(transfer.offer, nullptr));
}

}  // namespace arkshare
