#include "services/peer/transfers.h"

#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/peer/transfer.h"

namespace arkshare {
namespace {

constexpr int kWorkers = 8;
constexpr size_t kMostRemembered = 1000;
constexpr absl::Duration kLongestRetry = absl::Seconds(10);
constexpr absl::Duration kRateWindow = absl::Seconds(3);
constexpr absl::Duration kCallTimeout = absl::Seconds(10);

// Whether the source's word ends the matter.
bool IsRefusal(const absl::Status& status) {
  switch (GetReason(status)) {
    case Reason::kBookMoved:
    case Reason::kNotForTaking:
    case Reason::kBookChanged:
    case Reason::kBookGone:
    case Reason::kTransferConflict:
      return true;
    default:
      return false;
  }
}

}  // namespace

Transfers::Transfers(Parts parts, PrivateKey key) : parts_(parts), key_(std::move(key)) {}

Transfers::~Transfers() { Stop(); }

absl::Status Transfers::Recover() {
  absl::StatusOr<std::vector<TransferRecord>> open = parts_.ledger->OpenTransfers();
  if (!open.ok()) return open.status();
  std::set<TransferId> kept;
  for (TransferRecord& record : *open) {
    if (record.state == TransferRecord::State::kIntent) {
      // The file first: on a full disk it makes the room that the record needs.
      parts_.folder->RemoveStaging(record.id).IgnoreError();
      if (absl::Status s = parts_.ledger->RecordDropped(record.id); !s.ok()) return s;
      continue;
    }
    auto transfer = std::make_shared<Transfer>(record, parts_.clock->Now());
    transfer->view.bytes_done = record.content.size;
    transfer->view.state = TransferView::State::kHandingOver;
    kept.insert(record.id);
    if (record.state == TransferRecord::State::kOwned) {
      absl::StatusOr<std::optional<ListingRecord>> listing =
          parts_.ledger->FindListing(record.listing);
      if (!listing.ok()) return listing.status();
      // Neither staged nor in the library: somebody deleted it by hand, and the scan will say so.
      if (listing->has_value() && parts_.folder->StatStaging(record.id).ok()) {
        if (absl::Status s = Admit(transfer->record, **listing); !s.ok()) {
          return absl::Status(s.code(),
                              absl::StrCat("a received book cannot enter the folder: ", s.message(),
                                           "; mend that and start the peer again"));
        }
        parts_.library->UnclaimPath((*listing)->path);
      }
    } else {
      parts_.library->ReserveName(record.name).IgnoreError();
    }
    MutexLock lock(&mutex_);
    by_id_[record.id] = transfer;
    in_order_.push_back(transfer);
    transfer->scheduled = true;
    queue_.emplace(parts_.clock->Monotonic(), transfer);
  }
  for (const TransferId& id : parts_.folder->ListStaging()) {
    if (!kept.contains(id)) parts_.folder->RemoveStaging(id).IgnoreError();
  }
  return absl::OkStatus();
}

void Transfers::Start() {
  for (int i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { WorkLoop(); });
}

void Transfers::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  parts_.fetcher->Stop();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Transfers::RetryNow() {
  MutexLock lock(&mutex_);
  std::multimap<absl::Time, TransferPtr> now;
  for (auto& [time, transfer] : queue_) now.emplace(parts_.clock->Monotonic(), transfer);
  queue_ = std::move(now);
  changed_.NotifyAll();
}

void Transfers::Schedule(const TransferPtr& transfer, absl::Duration delay) {
  MutexLock lock(&mutex_);
  if (std::exchange(transfer->scheduled, true)) return;
  queue_.emplace(parts_.clock->Monotonic() + delay, transfer);
  changed_.NotifyAll();
}

void Transfers::WorkLoop() {
  while (true) {
    TransferPtr transfer;
    {
      MutexLock lock(&mutex_);
      while (true) {
        if (stopping_) return;
        const absl::Time now = parts_.clock->Monotonic();
        if (queue_.empty()) {
          changed_.Wait(&mutex_);
        } else if (queue_.begin()->first > now) {
          changed_.WaitFor(&mutex_, queue_.begin()->first - now);
        } else {
          break;
        }
      }
      transfer = queue_.begin()->second;
      queue_.erase(queue_.begin());
      transfer->scheduled = false;
    }
    Run(transfer);
  }
}

void Transfers::Change(Transfer& transfer, const std::function<void(TransferView&)>& change) {
  MutexLock lock(&mutex_);
  transfer.view.record = transfer.record;
  change(transfer.view);
  ++transfer.version;
  changed_.NotifyAll();
}

void Transfers::Progress(Transfer& transfer, uint64_t bytes, std::optional<int> queue_position) {
  const absl::Time now = parts_.clock->Monotonic();
  auto& samples = transfer.samples;
  samples.emplace_back(now, bytes);
  while (samples.size() > 2 && now - samples[1].first > kRateWindow) samples.pop_front();
  const double seconds = absl::ToDoubleSeconds(now - samples.front().first);
  const double rate =
      seconds > 0.05 ? static_cast<double>(bytes - samples.front().second) / seconds : 0;
  Change(transfer, [&](TransferView& view) {
    view.state = queue_position ? TransferView::State::kQueued : TransferView::State::kFetching;
    view.queue_position = queue_position.value_or(0);
    view.bytes_done = bytes;
    view.bytes_per_second = static_cast<uint64_t>(rate);
  });
}

absl::StatusOr<TransferId> Transfers::Begin(const FetchWish& wish) {
  absl::StatusOr<Choice> choice = Choose(wish);
  if (!choice.ok()) return choice.status();
  // A file that the library does not list (unshared, or not yet hashed) has its name all the same.
  if (parts_.folder->Stat(choice->save_as.value()).ok()) {
    return MakeError(
        Reason::kNameTaken,
        absl::StrCat("there is already a file named ", EscapeForDisplay(choice->save_as.value()),
                     " in your folder; choose another name for this book (--as)"));
  }
  if (absl::Status s = parts_.library->ReserveName(choice->save_as); !s.ok()) return s;
  TransferRecord record{.id = TransferId::Random(),
                        .move = choice->move,
                        .source = choice->source.key,
                        .source_listing = choice->source.listing,
                        .content = choice->content,
                        .name = choice->save_as};
  if (absl::Status s = parts_.ledger->RecordIntent(record); !s.ok()) {
    parts_.library->UnreserveName(record.name);
    if (!absl::IsResourceExhausted(s)) return s;
    return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
  }
  ARKSHARE_FAILPOINT("receiver.intent");
  auto transfer = std::make_shared<Transfer>(std::move(record), parts_.clock->Now());
  transfer->source_address = choice->source.address;
  transfer->view.from_peer_id = choice->source.peer_id;
  const TransferId id = transfer->record.id;
  {
    MutexLock lock(&mutex_);
    by_id_[id] = transfer;
    in_order_.push_back(transfer);
    if (in_order_.size() > kMostRemembered) {
      const auto ended = std::find_if(in_order_.begin(), in_order_.end(), [](const TransferPtr& t) {
        return t->view.record.state >= TransferRecord::State::kDone;
      });
      if (ended != in_order_.end()) {
        by_id_.erase((*ended)->view.record.id);
        in_order_.erase(ended);
      }
    }
  }
  Schedule(transfer, absl::ZeroDuration());
  return id;
}

absl::StatusOr<Transfers::Update> Transfers::Await(const TransferId& id, uint64_t version,
                                                   absl::Duration wait) {
  MutexLock lock(&mutex_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) {
    return MakeError(Reason::kTransferUnknown, "there is no such transfer");
  }
  const TransferPtr transfer = it->second;
  const absl::Time until = parts_.clock->Monotonic() + wait;
  while (transfer->version == version && !stopping_) {
    const absl::Duration left = until - parts_.clock->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
  }
  return Update{transfer->view, transfer->version};
}

bool Transfers::stopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

std::vector<TransferView> Transfers::List() {
  MutexLock lock(&mutex_);
  std::vector<TransferView> views;
  for (auto it = in_order_.rbegin(); it != in_order_.rend(); ++it) views.push_back((*it)->view);
  return views;
}

// The story of one transfer, from wherever it stands.
void Transfers::Run(const TransferPtr& transfer) {
  Next next = Next::kGoOn;
  while (next == Next::kGoOn) {
    switch (transfer->record.state) {
      case TransferRecord::State::kIntent:
        next = Receive(*transfer);
        break;
      case TransferRecord::State::kPrepared:
        next = TakeOver(*transfer);
        break;
      case TransferRecord::State::kOwned:
        next = Tell(*transfer);
        break;
      default:
        next = Next::kEnd;
    }
  }
  if (next == Next::kLater) {
    Schedule(transfer, transfer->retry);
    transfer->retry = std::min(transfer->retry * 2, kLongestRetry);
  }
}

Transfers::Next Transfers::Drop(Transfer& transfer, const absl::Status& why) {
  parts_.folder->RemoveStaging(transfer.record.id).IgnoreError();
  parts_.library->UnreserveName(transfer.record.name);
  if (absl::Status s = parts_.ledger->RecordDropped(transfer.record.id); !s.ok()) {
    spdlog::warn("not recorded as dropped: {}", std::string(s.message()));  // the restart drops it
  }
  transfer.record.state = TransferRecord::State::kDropped;
  spdlog::info("dropped book=\"{}\" transfer={} reason={} message=\"{}\"",
               EscapeForDisplay(transfer.record.name.value()), transfer.record.id.hex(),
               std::string(ReasonName(GetReason(why))), std::string(why.message()));
  Change(transfer, [&](TransferView& view) {
    view.state = TransferView::State::kFailed;
    view.error = why;
    view.message = std::string(why.message());
    view.end = parts_.clock->Now();
  });
  return Next::kEnd;
}

// INTENT -> PREPARED: every byte here, verified and durable.
Transfers::Next Transfers::Receive(Transfer& transfer) {
  TransferRecord& record = transfer.record;
  absl::StatusOr<UniqueFd> fd = parts_.folder->CreateStaging(record.id, record.content.size);
  if (!fd.ok()) {
    return Drop(transfer,
                absl::IsResourceExhausted(fd.status())
                    ? MakeError(Reason::kDiskFull,
                                absl::StrCat("the disk of this peer has no room for the ",
                                             record.content.size,
                                             " bytes of this book; make room and try again"))
                    : MakeError(Reason::kInternal, fd.status().message()));
  }
  Fetcher::Job job{
      .content = record.content,
      .fd = fd->get(),
      .find_holders = [&] { return FindHolders(record.content); },
      .source = record.move ? std::optional<PublicKey>(record.source) : std::nullopt,
      .on_progress = [&](uint64_t bytes,
                         std::optional<int> position) { Progress(transfer, bytes, position); }};
  absl::StatusOr<std::vector<Sha256Digest>> pieces = parts_.fetcher->Fetch(job);
  if (!pieces.ok()) {
    if (absl::IsCancelled(pieces.status()))
      return Next::kEnd;  // stopping; the next start forgets it
    return Drop(transfer, pieces.status());
  }
  ARKSHARE_FAILPOINT("receiver.fetched");
  parts_.folder->SyncStaging(fd->get());
  ARKSHARE_FAILPOINT("receiver.synced");
  if (absl::Status s = parts_.ledger->RecordPrepared(record.id); !s.ok()) {
    return Drop(transfer, MakeError(Reason::kDiskFull,
                                    "the disk of this peer is full; make room and try again"));
  }
  record.state = TransferRecord::State::kPrepared;
  ARKSHARE_FAILPOINT("receiver.prepared");
  if (absl::StatusOr<FileStat> stat = parts_.folder->StatStaging(record.id); stat.ok()) {
    parts_.cache->Remember(stat->identity, record.content, *pieces);
  }
  Change(transfer, [&](TransferView& view) {
    view.state = TransferView::State::kHandingOver;
    view.bytes_done = record.content.size;
  });
  return Next::kGoOn;
}

// A book that is not here any more must not be asked for. Only a person can have removed it.
absl::StatusOr<FileStat> Transfers::FindStaged(const TransferRecord& record) const {
  absl::StatusOr<FileStat> staged = parts_.folder->StatStaging(record.id);
  if (staged.ok() && staged->identity.size == record.content.size) return staged;
  spdlog::critical("staged_book_lost transfer={} book=\"{}\": somebody changed .arkshare/staging",
                   record.id.hex(), EscapeForDisplay(record.name.value()));
  return MakeError(
      Reason::kInternal,
      "the received book was removed from .arkshare/staging by hand; if its source has "
      "given it away already, it keeps a hidden copy (`arkshare-cli limbo` there)");
}

// PREPARED -> OWNED, or dropped when somebody else has the book.
Transfers::Next Transfers::TakeOver(Transfer& transfer) {
  TransferRecord& record = transfer.record;
  if (!record.move) return Own(transfer, "");
  if (absl::Status s = FindStaged(record).status(); !s.ok()) return Drop(transfer, s);
  absl::StatusOr<MoveTicket> ticket = AskRelease(transfer);
  if (ticket.ok()) {
    ARKSHARE_FAILPOINT("receiver.released");
    record.ticket = *std::move(ticket);
    return Own(transfer, "");
  }
  if (!IsRefusal(ticket.status())) {
    spdlog::info("release_not_answered transfer={} message=\"{}\"", record.id.hex(),
                 std::string(ticket.status().message()));
    Change(transfer, [&](TransferView& view) {
      view.message = absl::StrCat("waiting for the source: ", ticket.status().message());
    });
    return Next::kLater;
  }
  if (GetReason(ticket.status()) == Reason::kBookMoved) {
    const std::string to = PeerName(GetErrorMetadata(ticket.status())["moved_to_public_key"]);
    return Drop(transfer,
                MakeError(Reason::kBookMoved,
                          absl::StrCat(EscapeForDisplay(record.name.value()), " has just moved to ",
                                       to, "; ask again to get it from there"),
                          GetErrorMetadata(ticket.status())));
  }
  record.move = false;
  return Own(transfer, std::string(ticket.status().message()));
}

// The book is ours: a listing, a name, a place in the folder.
Transfers::Next Transfers::Own(Transfer& transfer, std::string note) {
  TransferRecord& record = transfer.record;
  absl::StatusOr<FileStat> staged = FindStaged(record);
  if (!staged.ok()) return Drop(transfer, staged.status());
  ListingRecord listing{.name = record.name,
                        .path = record.name.value(),
                        .content = record.content,
                        .identity = staged->identity,
                        .unsettled = record.move};
  const BookName wanted = record.name;
  parts_.library->ClaimPath(listing.path);
  absl::StatusOr<uint64_t> number = parts_.ledger->RecordOwned(record, listing);
  if (!number.ok()) {  // a full disk delays, it never discards
    parts_.library->UnclaimPath(listing.path);
    Change(transfer, [&](TransferView& view) { view.message = "waiting: the disk is full"; });
    return Next::kLater;
  }
  listing.number = record.listing = *number;
  record.state = TransferRecord::State::kOwned;
  ARKSHARE_FAILPOINT("receiver.owned");
  while (true) {
    absl::Status admitted = Admit(record, listing);
    if (admitted.ok()) break;
    spdlog::error("cannot put book=\"{}\" in its place error=\"{}\"; trying again",
                  EscapeForDisplay(listing.path), std::string(admitted.message()));
    Change(transfer, [&](TransferView& view) {
      view.message = absl::StrCat("waiting to enter the folder: ", admitted.message());
    });
    MutexLock lock(&mutex_);
    if (stopping_) return Next::kEnd;  // the next start ends it
    changed_.WaitFor(&mutex_, absl::Seconds(1));
  }
  ARKSHARE_FAILPOINT("receiver.admitted");
  parts_.library->Receive(listing);
  parts_.library->UnclaimPath(listing.path);
  parts_.library->UnreserveName(wanted);
  if (listing.name != wanted) {
    absl::StrAppend(&note, note.empty() ? "" : "; ", "saved as ",
                    EscapeForDisplay(listing.name.value()), ", because ",
                    EscapeForDisplay(wanted.value()), " was taken meanwhile");
  }
  spdlog::info("received book=\"{}\" bytes={} how={} transfer={}",
               EscapeForDisplay(listing.name.value()), record.content.size,
               record.move ? "move" : "copy", record.id.hex());
  Change(transfer, [&](TransferView& view) { view.message = note; });
  return Next::kGoOn;
}

// Renames a staged file to the name of its listing, or to the next free one: ledger first, then
// disk, so that a crash leaves a ledger that a restart can follow. The path of `listing` is
// claimed, and what it is changed to stays claimed.
absl::Status Transfers::Admit(TransferRecord& record, ListingRecord& listing) {
  const BookName wanted = record.name;
  for (int n = 2;; ++n) {
    absl::Status admitted = parts_.folder->Admit(record.id, listing.path);
    if (!absl::IsAlreadyExists(admitted)) return admitted;
    const BookName other = wanted.WithSuffix(n);
    if (parts_.folder->Stat(other.value()).ok() || parts_.library->Find(other)) continue;
    parts_.library->ClaimPath(other.value());
    if (absl::Status s = parts_.ledger->RenameOwned(record.id, listing.number, other); !s.ok()) {
      parts_.library->UnclaimPath(other.value());
      return s;
    }
    parts_.library->UnclaimPath(listing.path);
    record.name = listing.name = other;
    listing.path = other.value();
  }
}

// OWNED -> DONE: the index and the source know. Both may be away for long; neither waits for the
// other.
Transfers::Next Transfers::Tell(Transfer& transfer) {
  TransferRecord& record = transfer.record;
  absl::Status index_said = absl::OkStatus();
  absl::Status source_said = absl::OkStatus();
  if (record.move && !record.index_told) {
    absl::StatusOr<std::optional<ListingRecord>> listing =
        parts_.ledger->FindListing(record.listing);
    if (!listing.ok() || !listing->has_value()) return Next::kLater;
    absl::StatusOr<std::vector<absl::Status>> told = parts_.index->UpdateOwner(
        {{*record.ticket, {record.listing, (*listing)->name, record.content}}});
    index_said = told.status();
    if (told.ok()) {
      if (!told->front().ok()) {
        spdlog::error("update_owner refused transfer={} message=\"{}\"", record.id.hex(),
                      std::string(told->front().message()));
      }
      ARKSHARE_FAILPOINT("receiver.index_told");
      // Told counts only once the listing is settled for good: nobody would settle it later.
      index_said = parts_.library->Settle(record.listing);
      record.index_told = index_said.ok();
    }
  }
  if (record.move && !record.confirmed) {
    source_said = SendConfirm(transfer);
    if (source_said.ok()) {
      ARKSHARE_FAILPOINT("receiver.confirmed");
      record.confirmed = true;
    }
  }
  const bool done = index_said.ok() && source_said.ok();
  if (done) record.state = TransferRecord::State::kDone;
  absl::Status recorded = parts_.ledger->RecordProgress(record);
  const bool first = [&] {
    MutexLock lock(&mutex_);
    return transfer.view.state != TransferView::State::kDone;
  }();
  if (first || done) {
    // For the person who waits, the book is here; what is left is repeated in the background.
    Change(transfer, [&](TransferView& view) {
      if (first) view.end = parts_.clock->Now();
      view.state = TransferView::State::kDone;
    });
  }
  if (done && recorded.ok()) return Next::kEnd;
  spdlog::info("not_settled transfer={} index=\"{}\" source=\"{}\"", record.id.hex(),
               std::string(index_said.message()), std::string(source_said.message()));
  if (done) record.state = TransferRecord::State::kOwned;
  return Next::kLater;
}

std::string Transfers::PeerName(const std::string& key_hex) {
  absl::StatusOr<std::string> bytes = FromHex(key_hex);
  absl::StatusOr<PublicKey> key =
      bytes.ok() ? PublicKey::FromBytes(*bytes) : absl::StatusOr<PublicKey>(bytes.status());
  if (!key.ok()) return "another peer";
  absl::StatusOr<std::optional<v1::Peer>> peer = parts_.index->FindPeer(*key);
  if (!peer.ok() || !peer->has_value()) return "a peer that is not online now";
  return absl::StrCat("peer ", (*peer)->peer_id());
}

absl::StatusOr<std::string> Transfers::SourceAddress(Transfer& transfer) {
  if (!transfer.source_address.empty()) return transfer.source_address;
  absl::StatusOr<std::optional<v1::Peer>> peer = parts_.index->FindPeer(transfer.record.source);
  if (!peer.ok()) return peer.status();
  if (!peer->has_value()) {
    return MakeError(Reason::kPeerUnreachable, "the source is not online now");
  }
  transfer.source_address = (*peer)->address();
  return transfer.source_address;
}

absl::StatusOr<MoveTicket> Transfers::AskRelease(Transfer& transfer) {
  absl::StatusOr<std::string> address = SourceAddress(transfer);
  if (!address.ok()) return address.status();
  const TransferRecord& record = transfer.record;
  const ReleaseItem item{record.id, record.source_listing, record.content};
  v1::ReleaseRequest request;
  request.set_source_public_key(record.source.bytes());
  request.set_receiver_public_key(key_.public_key().bytes());
  *request.add_items() = ToProto(item);
  request.set_signature(key_.Sign(ReleaseSignedBytes(record.source, key_.public_key(), {item})));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ReleaseResponse response;
  const grpc::Status status = parts_.holders->Stub(*address)->Release(&context, request, &response);
  if (!status.ok() || response.results_size() != 1) {
    transfer.source_address.clear();  // it may be elsewhere by now
    if (status.ok()) return absl::InternalError("the source answered with no result");
    return FromGrpcStatus(status, absl::StrCat("the source at ", *address));
  }
  if (response.results(0).has_refusal()) return FromItemError(response.results(0).refusal());
  absl::StatusOr<MoveTicket> ticket = FromProto(response.results(0).ticket());
  if (!ticket.ok()) return ticket;
  const TicketBody expected{record.id, record.source, record.source_listing, key_.public_key(),
                            record.content};
  if (!(ticket->body == expected)) return absl::InternalError("the ticket is for another move");
  if (absl::Status s = TicketVerifier().Verify(*ticket); !s.ok()) return s;
  return ticket;
}

absl::Status Transfers::SendConfirm(Transfer& transfer) {
  absl::StatusOr<std::string> address = SourceAddress(transfer);
  if (!address.ok()) return address.status();
  const TransferRecord& record = transfer.record;
  v1::ConfirmRequest request;
  request.set_source_public_key(record.source.bytes());
  request.set_receiver_public_key(key_.public_key().bytes());
  request.add_transfer_ids(record.id.bytes());
  request.set_signature(
      key_.Sign(ConfirmSignedBytes(record.source, key_.public_key(), {record.id})));
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ConfirmResponse response;
  const grpc::Status status = parts_.holders->Stub(*address)->Confirm(&context, request, &response);
  if (!status.ok() || response.results_size() != 1) {
    transfer.source_address.clear();
    if (status.ok()) return absl::InternalError("the source answered with no result");
    return FromGrpcStatus(status, absl::StrCat("the source at ", *address));
  }
  if (!response.results(0).has_error()) return absl::OkStatus();
  const absl::Status error = FromItemError(response.results(0).error());
  // Its ledger is not the one that released the book; nothing is left to be confirmed there.
  if (GetReason(error) == Reason::kTransferUnknown) return absl::OkStatus();
  return error;
}

}  // namespace arkshare
