// IndexService.UpdateOwner: checks tickets, then records the moves in one step.
#include <absl/strings/str_cat.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/limits.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"

namespace arkshare {
namespace {

absl::StatusOr<OwnerChange> ParseItem(const v1::UpdateOwnerRequest::Item& item,
                                      const PublicKey& receiver, TicketVerifier& verifier) {
  const absl::StatusOr<MoveTicket> ticket = FromProto(item.ticket());
  if (!ticket.ok()) return ticket.status();
  absl::StatusOr<BookListing> listing = FromProto(item.new_listing());
  if (!listing.ok()) return listing.status();
  if (listing->partial) {
    return MakeError(Reason::kInvalidField,
                     "new_listing must not be partial: report a move when the book is complete");
  }
  if (ticket->body.receiver != receiver) {
    return MakeError(Reason::kTicketInvalid, "this ticket was given to another peer");
  }
  if (ticket->body.content != listing->content) {
    return MakeError(Reason::kTicketInvalid, "this ticket is for another content than new_listing");
  }
  if (!verifier.Verify(*ticket).ok()) {
    return MakeError(Reason::kTicketInvalid, "the source did not sign this ticket");
  }
  return OwnerChange{ticket->body.source, ticket->body.source_listing,
                     StatementRecord::Present(*std::move(listing))};
}

absl::StatusOr<v1::UpdateOwnerResponse> RunUpdateOwner(Sessions& sessions, const std::string& token,
                                                       const v1::UpdateOwnerRequest& request) {
  const absl::StatusOr<PublicKey> receiver = sessions.KeyOf(token);
  if (!receiver.ok()) return receiver.status();
  if (absl::Status s = CheckItemCount(request.items_size()); !s.ok()) return s;
  // Signatures cost time, so they are checked before any lock is taken.
  TicketVerifier verifier;
  std::vector<absl::Status> statuses;
  std::vector<OwnerChange> changes;
  for (const v1::UpdateOwnerRequest::Item& item : request.items()) {
    absl::StatusOr<OwnerChange> change = ParseItem(item, *receiver, verifier);
    statuses.push_back(change.status());
    if (change.ok()) changes.push_back(*std::move(change));
  }
  const absl::StatusOr<std::vector<absl::Status>> recorded = sessions.UpdateOwner(token, changes);
  if (!recorded.ok()) return recorded.status();

  v1::UpdateOwnerResponse response;
  auto next = recorded->begin();
  for (const absl::Status& status : statuses) {
    v1::UpdateOwnerResponse::Result& result = *response.add_results();
    const absl::Status& outcome = status.ok() ? *next++ : status;
    if (!outcome.ok()) *result.mutable_error() = ToItemError(outcome);
  }
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* IndexService::UpdateOwner(grpc::CallbackServerContext* context,
                                                    const v1::UpdateOwnerRequest* request,
                                                    v1::UpdateOwnerResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kUpdateOwner);
  ARKSHARE_FAILPOINT("index.update_received");
  const absl::StatusOr<std::string> token = BearerToken(*context);
  if (!token.ok()) return Answer(context, timer.End(token.status()));
  absl::StatusOr<v1::UpdateOwnerResponse> result = RunUpdateOwner(*sessions_, *token, *request);
  ARKSHARE_FAILPOINT("index.update_applied");
  if (result.ok()) *response = *std::move(result);
  return Answer(context, timer.End(result.status()));
}

}  // namespace arkshare
