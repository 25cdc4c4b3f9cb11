#include "services/peer/transfer/transfers.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "services/peer/transfer/source_calls.h"
#include "services/peer/transfer/transfer.h"

namespace arkshare {
namespace {

constexpr size_t kMostRemembered = 1000;
constexpr size_t kBegunTogether = 250;  // in one transaction
constexpr absl::Duration kRateWindow = absl::Seconds(3);
// Settling threads that may wait for other programs at a time.
constexpr int kMostCalls = 8;

// An interrupted download tries again by itself for so long, and its pieces are kept for so long.
constexpr absl::Duration kTryAgainFor = absl::Minutes(10);
constexpr absl::Duration kKeepFor = absl::Hours(24 * 7);
// A smaller book is here before others have heard of it.
constexpr uint64_t kFewestPiecesToOffer = 8;

// Nobody has said that it cannot be had: a holder or the index is away.
bool IsInterruption(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// Whether what has come is of no use any more: the disk does not take it, or the listing that was
// to be taken is somebody else's now.
bool MakesReceivedUseless(const TransferRecord& record, const absl::Status& status) {
  const Reason reason = GetReason(status);
  return reason == Reason::kDiskFull || reason == Reason::kInternal ||
         (record.move && reason == Reason::kBookMoved);
}

bool HasEnded(TransferView::State state) {
  return state == TransferView::State::kDone || state == TransferView::State::kFailed;
}

}  // namespace

Transfers::Transfers(Parts parts, PrivateKey key)
    : parts_(parts),
      calls_(std::make_unique<SourceCalls>(parts.holders, parts.index, key)),
      chooser_(parts.library, parts.index, parts.holders, key.public_key()),
      lanes_(kMostCalls) {}

Transfers::~Transfers() { Stop(); }

// Whether a download that a crash interrupted goes on. One piece comes anew as fast; and what
// nobody has asked for again in a week is not wanted any more.
bool Transfers::CanGoOn(const TransferRecord& record) const {
  if (PieceCount(record.content.size) <= 1) return false;
  const absl::StatusOr<FileStat> staged = parts_.folder->StatStaging(record.id);
  return staged.ok() &&
         parts_.clock->Now() - absl::FromUnixNanos(staged->identity.mtime_ns) < kKeepFor;
}

absl::Status Transfers::Recover() {
  absl::StatusOr<std::vector<TransferRecord>> open = parts_.ledger->OpenTransfers();
  if (!open.ok()) return open.status();
  std::set<TransferId> kept;
  for (TransferRecord& record : *open) {
    if (record.state == TransferRecord::State::kIntent && !CanGoOn(record)) {
      // The file first: on a full disk it makes the room that the record needs.
      parts_.folder->RemoveStaging(record.id).IgnoreError();
      if (absl::Status s = parts_.ledger->RecordDropped(record.id); !s.ok()) return s;
      continue;
    }
    auto transfer = std::make_shared<Transfer>(record, parts_.clock->Now());
    kept.insert(record.id);
    if (record.state == TransferRecord::State::kIntent) {
      transfer->interrupted = true;
      transfer->try_until = parts_.clock->Monotonic() + kTryAgainFor;
    } else {
      transfer->view.bytes_done = record.content.size;
      transfer->view.state = TransferView::State::kHandingOver;
    }
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
        parts_.folder->SyncAdmitted({(*listing)->path});
        parts_.library->UnclaimPath((*listing)->path);
      }
    } else {
      parts_.library->ReserveName(record.name).IgnoreError();
    }
    MutexLock lock(&mutex_);
    by_id_[record.id] = transfer;
    in_order_.push_back(transfer);
    Enter(transfer);
  }
  for (const TransferId& id : parts_.folder->ListStaging()) {
    if (!kept.contains(id)) parts_.folder->RemoveStaging(id).IgnoreError();
  }
  return absl::OkStatus();
}

void Transfers::Change(Transfer& transfer, const std::function<void(TransferView&)>& change) {
  MutexLock lock(&mutex_);
  const bool had_ended = HasEnded(transfer.view.state);
  transfer.view.record = transfer.record;
  change(transfer.view);
  ++transfer.version;
  changed_.NotifyAll();
  if (had_ended || !HasEnded(transfer.view.state)) return;
  for (const std::shared_ptr<Group>& group : transfer.groups) {
    if (--group->open == 0) group->all_ended.NotifyAll();
  }
  transfer.groups.clear();
}

void Transfers::Progress(Transfer& transfer, uint64_t bytes, std::optional<QueuePlace> place) {
  const absl::Time now = parts_.clock->Monotonic();
  auto& samples = transfer.samples;
  samples.emplace_back(now, bytes);
  while (samples.size() > 2 && now - samples[1].first > kRateWindow) samples.pop_front();
  const double seconds = absl::ToDoubleSeconds(now - samples.front().first);
  const double rate =
      seconds > 0.05 ? static_cast<double>(bytes - samples.front().second) / seconds : 0;
  Change(transfer, [&](TransferView& view) {
    view.state = place ? TransferView::State::kQueued : TransferView::State::kFetching;
    view.queue_position = place ? place->position : 0;
    view.estimated_wait = place ? place->estimated_wait : std::nullopt;
    view.bytes_done = bytes;
    view.bytes_per_second = static_cast<uint64_t>(rate);
    view.brought = transfer.brought;
  });
}

absl::Status Transfers::Reserve(const Choice& choice) {
  // A file that the library does not list (unshared, or not yet hashed) has its name all the same.
  if (parts_.folder->Stat(choice.save_as.value()).ok()) {
    return MakeError(
        Reason::kNameTaken,
        absl::StrCat("there is already a file named ", EscapeForDisplay(choice.save_as.value()),
                     " in your folder; choose another name for this book (--as)"));
  }
  return parts_.library->ReserveName(choice.save_as);
}

absl::Status Transfers::RecordIntents(absl::Span<const TransferRecord> records) {
  absl::Status recorded = parts_.ledger->RecordIntents(records);
  if (recorded.ok()) return recorded;
  for (const TransferRecord& record : records) parts_.library->UnreserveName(record.name);
  if (!absl::IsResourceExhausted(recorded)) return recorded;
  return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
}

void Transfers::Remember(const TransferPtr& transfer) {
  by_id_[transfer->record.id] = transfer;
  in_order_.push_back(transfer);
  if (in_order_.size() <= kMostRemembered) return;
  const auto ended = std::find_if(in_order_.begin(), in_order_.end(), [](const TransferPtr& t) {
    return t->view.record.state >= TransferRecord::State::kDone;
  });
  if (ended == in_order_.end()) return;
  by_id_.erase((*ended)->view.record.id);
  in_order_.erase(ended);
}

absl::StatusOr<TransferId> Transfers::Begin(const FetchWish& wish) {
  const Group::Member only = BeginMany({wish})->members.front();
  if (!only.refused.ok()) return only.refused;
  return only.transfer->record.id;
}

std::shared_ptr<Transfers::Group> Transfers::BeginMany(absl::Span<const FetchWish> wishes) {
  auto group = std::make_shared<Group>();
  Sources sources;
  // The first are on their way while the others are still chosen and recorded.
  for (size_t at = 0; at < wishes.size(); at += kBegunTogether) {
    BeginSome(wishes.subspan(at, kBegunTogether), sources, group);
  }
  return group;
}

void Transfers::BeginSome(absl::Span<const FetchWish> wishes, Sources& sources,
                          const std::shared_ptr<Group>& group) {
  const size_t first = group->members.size();
  group->members.resize(first + wishes.size());
  const std::vector<TransferPtr> joined = Rejoin(wishes, group);
  std::vector<FetchWish> others;
  for (size_t i = 0; i < wishes.size(); ++i) {
    if (joined[i] == nullptr) others.push_back(wishes[i]);
  }
  std::vector<absl::StatusOr<Choice>> chosen = chooser_.Choose(others, sources);
  std::vector<absl::StatusOr<Choice>> choices(wishes.size(), absl::UnknownError("joined"));
  for (size_t i = 0, n = 0; i < wishes.size(); ++i) {
    if (joined[i] == nullptr) choices[i] = std::move(chosen[n++]);
  }
  std::vector<TransferRecord> records;
  std::vector<size_t> places;  // of their wishes
  for (size_t i = 0; i < wishes.size(); ++i) {
    if ((group->members[first + i].transfer = joined[i]) != nullptr) continue;
    absl::Status& refused = group->members[first + i].refused;
    refused = choices[i].ok() ? Reserve(*choices[i]) : choices[i].status();
    if (!refused.ok()) continue;
    const Choice& choice = *choices[i];
    records.push_back({.id = TransferId::Random(),
                       .move = choice.move,
                       .source = choice.source.key,
                       .source_listing = choice.source.listing,
                       .content = choice.content,
                       .name = choice.save_as});
    places.push_back(i);
  }
  if (records.empty()) return;
  if (absl::Status s = RecordIntents(records); !s.ok()) {
    for (size_t place : places) group->members[first + place].refused = s;
    return;
  }
  ARKSHARE_FAILPOINT("receiver.intent");
  const absl::Time now = parts_.clock->Now();
  Together begun;
  for (size_t i = 0; i < records.size(); ++i) {
    Choice& choice = *choices[places[i]];
    auto transfer = std::make_shared<Transfer>(std::move(records[i]), now);
    transfer->source_address = choice.source.address;
    transfer->holders = std::move(choice.holders);
    transfer->view.from_peer_id = choice.source.peer_id;
    transfer->groups = {group};
    group->members[first + places[i]].transfer = transfer;
    begun.push_back(std::move(transfer));
  }
  {
    MutexLock lock(&mutex_);
    group->open += begun.size();
    for (const TransferPtr& transfer : begun) Remember(transfer);
  }
  Pass(begun);
}

Transfers::GroupUpdates Transfers::AwaitMany(Group& group, absl::Duration wait) {
  MutexLock lock(&mutex_);
  const absl::Time until = parts_.clock->Monotonic() + wait;
  while (group.open > 0 && !stopping_) {
    const absl::Duration left = until - parts_.clock->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    group.all_ended.WaitFor(&mutex_, left);
  }
  GroupUpdates out{{}, group.open == 0};
  for (size_t i = 0; i < group.members.size(); ++i) {
    Group::Member& member = group.members[i];
    const uint64_t version = member.transfer ? member.transfer->version : 1;
    if (std::exchange(member.seen, version) == version) continue;
    if (member.transfer) {
      out.updates.push_back({i, member.transfer->view});
    } else {
      out.updates.push_back({i, member.refused});
    }
  }
  return out;
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

// Never in the way of a worker: one that is at it now looks at `keep` when it has its answer.
absl::Status Transfers::Keep(const TransferId& id) {
  {
    MutexLock lock(&mutex_);
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) {
      return MakeError(Reason::kTransferUnknown, "there is no such transfer");
    }
    Transfer& transfer = *it->second;
    const TransferRecord& record = transfer.view.record;
    const bool waits = record.state == TransferRecord::State::kPrepared && record.move;
    if (!waits && !record.kept) {
      return MakeError(Reason::kTransferNotWaiting,
                       "this transfer does not wait for its source: it is still being received, or "
                       "over; arkshare-cli transfers says which");
    }
    transfer.keep = waits;  // else it is kept already
    if (waits) transfer.view.message = "to be kept as a copy, unless the source answers just now";
    ++transfer.version;
    const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                     [&](const auto& entry) { return entry.second == it->second; });
    if (queued != queue_.end()) {
      auto node = queue_.extract(queued);
      node.key() = parts_.clock->Monotonic();
      queue_.insert(std::move(node));
      settle_ready_.NotifyOne();
    }
    changed_.NotifyAll();
  }
  LogInfo("keep_asked", {{"transfer", id}});
  return absl::OkStatus();
}

bool Transfers::stopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

std::vector<TransferView> Transfers::List() {
  MutexLock lock(&mutex_);
  std::vector<TransferView> views;
  for (auto it = in_order_.rbegin(); it != in_order_.rend() && views.size() < kMostRemembered;
       ++it) {
    views.push_back((*it)->view);
  }
  return views;
}

Transfers::Next Transfers::Drop(Transfer& transfer, const absl::Status& why) {
  EndOffer(transfer);
  transfer.received.reset();  // an open file keeps its room on the disk
  parts_.folder->RemoveStaging(transfer.record.id).IgnoreError();
  parts_.library->UnreserveName(transfer.record.name);
  if (absl::Status s = parts_.ledger->RecordDropped(transfer.record.id); !s.ok()) {
    // A restart drops it again.
    LogWarning("drop_not_recorded", {{"transfer", transfer.record.id}, {"why", s}});
  }
  transfer.record.state = TransferRecord::State::kDropped;
  LogInfo("dropped",
          {{"book", transfer.record.name}, {"transfer", transfer.record.id}, {"why", why}});
  Change(transfer, [&](TransferView& view) {
    view.state = TransferView::State::kFailed;
    view.error = why;
    view.message = std::string(why.message());
    view.end = parts_.clock->Now();
  });
  return Next::kEnd;
}

// What is verified stays, and counts when the download goes on: when its owner asks for the book
// again or the peer starts, and by itself for a while if somebody is only away.
Transfers::Next Transfers::Park(Transfer& transfer, const absl::Status& why) {
  const absl::Time now = parts_.clock->Monotonic();
  transfer.interrupted = true;
  if (transfer.try_until == absl::InfinitePast()) transfer.try_until = now + kTryAgainFor;
  const bool again = IsInterruption(why) && now < transfer.try_until;
  Change(transfer, [&](TransferView& view) {
    view.state = TransferView::State::kFailed;
    view.error =
        MakeError(GetReason(why),
                  absl::StrCat(why.message(), "; what has come of it is kept, get ",
                               EscapeForDisplay(transfer.record.name.value()), " again to go on",
                               again ? "; or else it goes on by itself when it can within ten "
                                       "minutes"
                                     : ""),
                  GetErrorMetadata(why));
    view.message = std::string(view.error.message());
    view.bytes_per_second = 0;
    view.end = parts_.clock->Now();
  });
  LogInfo("interrupted",
          {{"book", transfer.record.name}, {"transfer", transfer.record.id}, {"why", why}});
  return again ? Next::kLater : Next::kEnd;
}

// Lets others read a copy while it comes. A move is nobody's until its source has released it.
void Transfers::Offer(Transfer& transfer, int fd) {
  const TransferRecord& record = transfer.record;
  if (record.move || PieceCount(record.content.size) < kFewestPiecesToOffer) return;
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  absl::StatusOr<uint64_t> number = parts_.ledger->DrawListingNumber();
  if (!own.valid() || !number.ok()) return;  // it helps others; this peer gets its book without
  transfer.offer = parts_.partials->Begin(record.content, std::move(own));
  transfer.offer_listing = *number;
  parts_.library->AnnouncePartial({*number, record.name, record.content, /*partial=*/true});
}

void Transfers::EndOffer(Transfer& transfer) {
  if (transfer.offer == nullptr) return;
  parts_.library->WithdrawPartial(transfer.offer_listing);
  parts_.partials->End(std::exchange(transfer.offer, nullptr));
}

// INTENT -> every byte here and verified; Prepare makes it durable.
Transfers::Next Transfers::Receive(Transfer& transfer) {
  TransferRecord& record = transfer.record;
  absl::StatusOr<UniqueFd> fd = parts_.folder->ReopenStaging(record.id, record.content.size);
  if (!fd.ok()) {
    return Drop(transfer,
                absl::IsResourceExhausted(fd.status())
                    ? MakeError(Reason::kDiskFull,
                                absl::StrCat("the disk of this peer has no room for the ",
                                             record.content.size,
                                             " bytes of this book; make room and try again"))
                    : MakeError(Reason::kInternal, fd.status().message()));
  }
  Offer(transfer, fd->get());
  uint64_t got = 0;
  Fetcher::Job job{
      .content = record.content,
      .fd = fd->get(),
      .find_holders = [&]() -> absl::StatusOr<std::vector<BookHolder>> {
        // At first those whom the choice has found.
        if (!transfer.holders.empty()) return std::exchange(transfer.holders, {});
        return chooser_.FindHolders(record.content, /*also_partial=*/true);
      },
      .source = record.move ? std::optional<PublicKey>(record.source) : std::nullopt,
      .offer = transfer.offer.get(),
      .on_progress =
          [&](uint64_t bytes, std::optional<QueuePlace> place) {
            got = bytes;
            Progress(transfer, bytes, place);
          },
      .on_piece = [&](uint32_t peer_id, uint64_t bytes) { transfer.brought[peer_id] += bytes; }};
  absl::StatusOr<std::vector<Sha256Digest>> pieces = parts_.fetcher->Fetch(job);
  if (!pieces.ok()) {
    EndOffer(transfer);
    if (absl::IsCancelled(pieces.status())) return Next::kEnd;  // stopping; the next start goes on
    if (!MakesReceivedUseless(record, pieces.status()) && CanGoOn(record) &&
        (got > 0 || transfer.interrupted)) {
      if (got > transfer.got_before) transfer.try_until = absl::InfinitePast();
      transfer.got_before = std::max(transfer.got_before, got);
      return Park(transfer, pieces.status());
    }
    *fd = UniqueFd();
    return Drop(transfer, pieces.status());
  }
  ARKSHARE_FAILPOINT("receiver.fetched");
  transfer.received.emplace(*std::move(fd), *std::move(pieces));
  return Next::kGoOn;
}

bool Transfers::ReceiveSmall(Transfer& transfer, const std::string& bytes) {
  const TransferRecord& record = transfer.record;
  absl::StatusOr<UniqueFd> fd = parts_.folder->CreateStaging(record.id, 0);
  if (!fd.ok()) return false;
  if (!WriteFully(fd->get(), 0, AsBytes(bytes).data(), bytes.size()).ok()) {
    parts_.folder->RemoveStaging(record.id).IgnoreError();
    return false;
  }
  ARKSHARE_FAILPOINT("receiver.fetched");
  transfer.received.emplace(*std::move(fd), std::vector<Sha256Digest>{record.content.root});
  return true;
}

}  // namespace arkshare
