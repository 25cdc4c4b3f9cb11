#include "services/index/service/ticket_check.h"

#include <absl/status/statusor.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {

absl::StatusOr<OwnerChange> TicketCheck::Check(const v1::UpdateOwnerRequest::Item& item) {
  if (forged_ >= kMostForged) {
    return MakeError(Reason::kQueueFull,
                     "the index has not looked at this item, because too many tickets of the call "
                     "are forged; send it again without those");
  }
  const absl::StatusOr<MoveTicket> ticket = FromProto(item.ticket());
  if (!ticket.ok()) return ticket.status();
  absl::StatusOr<BookListing> listing = FromProto(item.new_listing());
  if (!listing.ok()) return listing.status();
  if (listing->partial) {
    return MakeError(Reason::kInvalidField,
                     "new_listing must not be partial: report a move when the book is complete");
  }
  if (ticket->body.receiver != receiver_) {
    return MakeError(Reason::kTicketInvalid, "this ticket was given to another peer");
  }
  if (ticket->body.content != listing->content) {
    return MakeError(Reason::kTicketInvalid, "this ticket is for another content than new_listing");
  }
  if (!verifier_.Verify(*ticket).ok()) {
    ++forged_;
    return MakeError(Reason::kTicketInvalid, "the source did not sign this ticket");
  }
  return OwnerChange{ticket->body.source, ticket->body.source_listing,
                     StatementRecord::Present(*std::move(listing))};
}

bool TicketCheck::CheckSome() {
  const auto count = static_cast<size_t>(request_->items_size());
  const size_t signatures = verifier_.signatures_checked();
  for (size_t i = 0; i < kItemsInStep && statuses_.size() < count; ++i) {
    if (verifier_.signatures_checked() - signatures >= kSignaturesInStep) break;
    absl::StatusOr<OwnerChange> change = Check(request_->items(static_cast<int>(statuses_.size())));
    statuses_.push_back(change.status());
    if (change.ok()) changes_.push_back(*std::move(change));
  }
  return statuses_.size() < count;
}

v1::UpdateOwnerResponse TicketCheck::Answer(absl::Span<const absl::Status> recorded) const {
  v1::UpdateOwnerResponse response;
  auto next = recorded.begin();
  for (const absl::Status& status : statuses_) {
    v1::UpdateOwnerResponse::Result& result = *response.add_results();
    const absl::Status& outcome = status.ok() ? *next++ : status;
    if (!outcome.ok()) *result.mutable_error() = ToItemError(outcome);
  }
  return response;
}

}  // namespace arkshare
