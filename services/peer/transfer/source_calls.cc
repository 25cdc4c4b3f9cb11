#include "services/peer/transfer/source_calls.h"

#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr absl::Duration kSourcePingTimeout = absl::Seconds(2);
// A book is not kept waiting for its file's time and permissions.
constexpr absl::Duration kAttributesTimeout = absl::Seconds(2);

// Why a call to the source failed as a whole; OK when it brought a result for each of `transfers`.
// Forgets the address after a failure, since the source may have another one by now.
absl::Status CheckAnswer(const grpc::Status& status, int results, const std::string& address,
                         const Batch& transfers) {
  if (status.ok() && static_cast<size_t>(results) == transfers.size()) return absl::OkStatus();
  for (const TransferPtr& transfer : transfers) transfer->source_address.clear();
  if (status.ok()) return absl::InternalError("the source answered with other results");
  return FromGrpcStatus(status, absl::StrCat("the source at ", PlaceInWords(address)));
}

}  // namespace

std::string SourceCalls::NameOf(const std::string& key_hex) {
  absl::StatusOr<std::string> bytes = FromHex(key_hex);
  absl::StatusOr<PublicKey> key =
      bytes.ok() ? PublicKey::FromBytes(*bytes) : absl::StatusOr<PublicKey>(bytes.status());
  if (!key.ok()) return "another peer";
  absl::StatusOr<std::optional<v1::Peer>> peer = index_->FindPeer(*key);
  if (!peer.ok() || !peer->has_value()) return "a peer that is not online now";
  return absl::StrCat("peer ", (*peer)->peer_id());
}

absl::StatusOr<std::string> SourceCalls::SourceAddress(const Batch& transfers) {
  for (const TransferPtr& transfer : transfers) {
    if (!transfer->source_address.empty()) return transfer->source_address;
  }
  absl::StatusOr<std::optional<v1::Peer>> peer = index_->FindPeer(transfers[0]->record.source);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) {
    return MakeError(Reason::kPeerUnreachable, "the source is not online now");
  }
  std::string address = (*peer)->address();
  const std::string relay = index_->RelayOfPort((*peer)->relay_port());
  if (!relay.empty()) {
    // Only a ping tells which of the two ways works.
    const BookHolder source{.peer_id = (*peer)->peer_id(),
                            .key = transfers[0]->record.source,
                            .address = address,
                            .relay = relay,
                            .name = transfers[0]->reserved};
    const std::vector<BookHolder> reachable = holders_->Reachable({source}, kSourcePingTimeout);
    if (reachable.empty()) {
      return MakeError(Reason::kPeerUnreachable, "the source cannot be reached now");
    }
    address = reachable[0].address;
  }
  for (const TransferPtr& transfer : transfers) transfer->source_address = address;
  return address;
}

std::vector<absl::StatusOr<MoveTicket>> SourceCalls::Release(const Batch& transfers) {
  using Tickets = std::vector<absl::StatusOr<MoveTicket>>;
  const PublicKey source = transfers[0]->record.source;
  absl::StatusOr<std::string> address = SourceAddress(transfers);
  if (!address.ok()) return Tickets(transfers.size(), address.status());
  v1::ReleaseRequest request;
  request.set_source_public_key(source.bytes());
  request.set_receiver_public_key(key_.public_key().bytes());
  std::vector<ReleaseItem> items;
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    items.push_back({record.id, record.source_listing, record.content});
    v1::ReleaseRequest::Item* const item = request.add_items();
    *item = ToProto(items.back());
    item->set_all_bytes_from_source(transfer->bytes_from_source == record.content.size);
  }
  request.set_signature(key_.Sign(ReleaseSignedBytes(source, key_.public_key(), items)));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ReleaseResponse response;
  const grpc::Status status =
      holders_->Stub(*address, source)->Release(&context, request, &response);
  if (absl::Status s = CheckAnswer(status, response.results_size(), *address, transfers); !s.ok()) {
    return Tickets(transfers.size(), s);
  }
  Tickets tickets;
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

std::optional<FileAttributes> SourceCalls::AttributesAtSource(const TransferPtr& transfer) {
  absl::StatusOr<std::string> address = SourceAddress({transfer});
  if (!address.ok()) return std::nullopt;
  grpc::ClientContext context;
  SetTimeout(context, kAttributesTimeout);
  v1::DownloadRequest request;
  *request.mutable_content() = ToProto(transfer->record.content);
  request.set_read_offset(transfer->record.content.size);
  const auto reader =
      holders_->Stub(*address, transfer->record.source)->Download(&context, request);
  std::optional<FileAttributes> found;
  v1::DownloadResponse message;
  while (reader->Read(&message)) {
    if (message.has_header()) found = AttributesIn(message.header());
  }
  reader->Finish();
  return found;
}

std::vector<absl::Status> SourceCalls::Confirm(const Batch& transfers) {
  using Statuses = std::vector<absl::Status>;
  const PublicKey source = transfers[0]->record.source;
  absl::StatusOr<std::string> address = SourceAddress(transfers);
  if (!address.ok()) return Statuses(transfers.size(), address.status());
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
  const grpc::Status status =
      holders_->Stub(*address, source)->Confirm(&context, request, &response);
  if (absl::Status s = CheckAnswer(status, response.results_size(), *address, transfers); !s.ok()) {
    return Statuses(transfers.size(), s);
  }
  Statuses confirmed;
  for (const v1::ConfirmResponse::Result& result : response.results()) {
    absl::Status& last = confirmed.emplace_back(result.has_error() ? FromItemError(result.error())
                                                                   : absl::OkStatus());
    // The ledger there is not the one that released the book; nothing is left to confirm.
    if (GetReason(last) == Reason::kTransferUnknown) last = absl::OkStatus();
  }
  return confirmed;
}

}  // namespace arkshare
