// What a receiver asks of the sources of its transfers, many in one call.
#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);

}  // namespace

std::string Transfers::PeerName(const std::string& key_hex) {
  absl::StatusOr<std::string> bytes = FromHex(key_hex);
  absl::StatusOr<PublicKey> key =
      bytes.ok() ? PublicKey::FromBytes(*bytes) : absl::StatusOr<PublicKey>(bytes.status());
  if (!key.ok()) return "another peer";
  absl::StatusOr<std::optional<v1::Peer>> peer = parts_.index->FindPeer(*key);
  if (!peer.ok() || !peer->has_value()) return "a peer that is not online now";
  return absl::StrCat("peer ", (*peer)->peer_id());
}

absl::StatusOr<std::string> Transfers::SourceAddress(const Together& transfers) {
  for (const TransferPtr& transfer : transfers) {
    if (!transfer->source_address.empty()) return transfer->source_address;
  }
  absl::StatusOr<std::optional<v1::Peer>> peer =
      parts_.index->FindPeer(transfers[0]->record.source);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) {
    return MakeError(Reason::kPeerUnreachable, "the source is not online now");
  }
  for (const TransferPtr& transfer : transfers) transfer->source_address = (*peer)->address();
  return (*peer)->address();
}

std::vector<absl::StatusOr<MoveTicket>> Transfers::AskRelease(const Together& transfers) {
  const PublicKey source = transfers[0]->record.source;
  const auto all = [&](const absl::Status& status) {
    return std::vector<absl::StatusOr<MoveTicket>>(transfers.size(), status);
  };
  absl::StatusOr<std::string> address = SourceAddress(transfers);
  if (!address.ok()) return all(address.status());
  v1::ReleaseRequest request;
  request.set_source_public_key(source.bytes());
  request.set_receiver_public_key(key_.public_key().bytes());
  std::vector<ReleaseItem> items;
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    items.push_back({record.id, record.source_listing, record.content});
    *request.add_items() = ToProto(items.back());
  }
  request.set_signature(key_.Sign(ReleaseSignedBytes(source, key_.public_key(), items)));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ReleaseResponse response;
  const grpc::Status status = parts_.holders->Stub(*address)->Release(&context, request, &response);
  if (!status.ok() || static_cast<size_t>(response.results_size()) != transfers.size()) {
    // It may be elsewhere by now.
    for (const TransferPtr& transfer : transfers) transfer->source_address.clear();
    if (status.ok()) return all(absl::InternalError("the source answered with other results"));
    return all(FromGrpcStatus(status, absl::StrCat("the source at ", *address)));
  }
  std::vector<absl::StatusOr<MoveTicket>> tickets;
  TicketVerifier verifier;
  for (size_t i = 0; i < items.size(); ++i) {
    const v1::ReleaseResponse::Result& result = response.results(static_cast<int>(i));
    if (result.has_refusal()) {
      tickets.push_back(FromItemError(result.refusal()));
      continue;
    }
    absl::StatusOr<MoveTicket>& ticket = tickets.emplace_back(FromProto(result.ticket()));
    if (!ticket.ok()) continue;
    const TicketBody expected{items[i].transfer_id, source, items[i].listing, key_.public_key(),
                              items[i].content};
    if (!(ticket->body == expected)) {
      ticket = absl::InternalError("the ticket is for another move");
    } else if (absl::Status s = verifier.Verify(*ticket); !s.ok()) {
      ticket = s;
    }
  }
  return tickets;
}

std::vector<absl::Status> Transfers::SendConfirm(const Together& transfers) {
  const PublicKey source = transfers[0]->record.source;
  const auto all = [&](const absl::Status& status) {
    return std::vector<absl::Status>(transfers.size(), status);
  };
  absl::StatusOr<std::string> address = SourceAddress(transfers);
  if (!address.ok()) return all(address.status());
  v1::ConfirmRequest request;
  request.set_source_public_key(source.bytes());
  request.set_receiver_public_key(key_.public_key().bytes());
  std::vector<TransferId> ids;
  for (const TransferPtr& transfer : transfers) {
    ids.push_back(transfer->record.id);
    request.add_transfer_ids(ids.back().bytes());
  }
  request.set_signature(key_.Sign(ConfirmSignedBytes(source, key_.public_key(), ids)));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ConfirmResponse response;
  const grpc::Status status = parts_.holders->Stub(*address)->Confirm(&context, request, &response);
  if (!status.ok() || static_cast<size_t>(response.results_size()) != transfers.size()) {
    for (const TransferPtr& transfer : transfers) transfer->source_address.clear();
    if (status.ok()) return all(absl::InternalError("the source answered with other results"));
    return all(FromGrpcStatus(status, absl::StrCat("the source at ", *address)));
  }
  std::vector<absl::Status> said;
  for (const v1::ConfirmResponse::Result& result : response.results()) {
    absl::Status& last =
        said.emplace_back(result.has_error() ? FromItemError(result.error()) : absl::OkStatus());
    // Its ledger is not the one that released the book; nothing is left to be confirmed there.
    if (GetReason(last) == Reason::kTransferUnknown) last = absl::OkStatus();
  }
  return said;
}

}  // namespace arkshare
