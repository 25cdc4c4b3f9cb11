#include "services/peer/transfer/transfers.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr size_t kBegunTogether = 250;  // in one transaction
// How often a caller that waits for an end looks whether the peer stops.
constexpr absl::Duration kEndWait = absl::Seconds(1);
// How often a caller that has chosen a place asks for the transfer to be looked at.
constexpr absl::Duration kPlaceWait = absl::Milliseconds(100);

}  // namespace

Transfers::Transfers(Parts parts, const PrivateKey& key)
    : parts_(parts),
      board_(parts.clock, parts.bell),
      store_(parts.folder, parts.ledger, parts.library, parts.clock),
      offers_(parts.partials, parts.ledger->listings(), parts.library),
      dropper_(&offers_, &store_, &board_),
      placer_(&store_, &board_, parts.clock),
      chooser_(parts.library, parts.index, parts.holders, key.public_key()),
      calls_(parts.holders, parts.index, key),
      receiver_({&chooser_, &calls_, &store_, &board_, &offers_, &dropper_, parts.fetcher,
                 parts.small_fetcher, parts.clock}),
      settler_({&calls_, &store_, &board_, &offers_, &dropper_, &placer_, parts.index, parts.cache,
                parts.clock}),
      workers_(
          parts.clock,
          [this](const FetchTask& task, HandOnReceived hand_on) {
            return receiver_.Receive(task, hand_on);
          },
          [this](TransferQueues::Step step, const Batch& transfers, HandOn hand_on) {
            return settler_.Settle(step, transfers, hand_on);
          }) {}

Transfers::~Transfers() { Stop(); }

absl::Status Transfers::Recover() {
  absl::StatusOr<std::vector<TransferStore::Recovered>> recovered = store_.Recover();
  if (!recovered.ok()) return recovered.status();
  Batch open;
  for (TransferStore::Recovered& one : *recovered) {
    TransferView view{.record = one.record};
    auto transfer = std::make_shared<Transfer>(std::move(one.record));
    transfer->to_admit = std::move(one.to_admit);
    if (transfer->record.state == TransferRecord::State::kIntent) {
      transfer->interrupted = true;
      transfer->try_until = parts_.clock->Monotonic() + Receiver::kTryAgainFor;
    } else {
      view.bytes_done = transfer->record.content.size;
      view.state = TransferView::State::kHandingOver;
    }
    board_.Add(transfer, std::move(view));
    open.push_back(std::move(transfer));
  }
  workers_.Enter(open);
  return absl::OkStatus();
}

void Transfers::Start() { workers_.Start(); }

void Transfers::Stop() {
  board_.Stop();
  workers_.RequestStop();
  parts_.fetcher->Stop();
  parts_.small_fetcher->Stop();
  workers_.AwaitStop();
}

void Transfers::RetryNow() { workers_.EndDelays(); }

absl::StatusOr<TransferId> Transfers::Begin(const FetchWish& wish) {
  return board_.TransferOf(*BeginMany({wish}), 0);
}

Transfers::GroupPtr Transfers::BeginMany(absl::Span<const FetchWish> wishes) {
  const GroupPtr group = TransferBoard::NewGroup(wishes.size());
  SourceChooser::SourceCache sources;
  // The first transfers run while the sources of the next ones are chosen.
  for (size_t first = 0; first < wishes.size(); first += kBegunTogether) {
    BeginSome(wishes.subspan(first, kBegunTogether), first, sources, group);
  }
  return group;
}

void Transfers::BeginSome(absl::Span<const FetchWish> wishes, size_t first,
                          SourceChooser::SourceCache& sources, const GroupPtr& group) {
  DropOutdated(wishes);
  const TransferBoard::Joined joined = board_.Join(wishes, group, first);
  for (const TransferPtr& transfer : joined.reopened) workers_.Resume(transfer);
  std::vector<FetchWish> new_wishes;
  for (const size_t i : joined.others) new_wishes.push_back(wishes[i]);
  std::vector<absl::StatusOr<SourceChooser::Choice>> choices = chooser_.Choose(new_wishes, sources);

  std::vector<TransferRecord> records;
  std::vector<size_t> chosen;  // the choices that have a record
  Entrance::Checked checked;
  for (size_t i = 0; i < choices.size(); ++i) {
    const absl::Status begins =
        choices[i].ok() ? store_.ReserveName(choices[i]->save_as, checked) : choices[i].status();
    if (!begins.ok()) {
      board_.Refuse(*group, first + joined.others[i], begins);
      continue;
    }
    const SourceChooser::Choice& choice = *choices[i];
    records.push_back({.id = TransferId::Random(),
                       .move = choice.move,
                       .source = choice.source.key,
                       .source_listing = choice.source.listing,
                       .content = choice.content,
                       .name = choice.save_as});
    chosen.push_back(i);
  }
  if (records.empty()) return;
  if (absl::Status s = store_.RecordIntents(records); !s.ok()) {
    for (const size_t i : chosen) board_.Refuse(*group, first + joined.others[i], s);
    return;
  }
  Batch begun;
  for (size_t n = 0; n < records.size(); ++n) {
    SourceChooser::Choice& choice = *choices[chosen[n]];
    auto transfer = std::make_shared<Transfer>(std::move(records[n]));
    transfer->source_address = choice.source.address;
    transfer->holders = std::move(choice.holders);
    board_.Add(transfer, {.record = transfer->record, .from_peer_id = choice.source.peer_id}, group,
               first + joined.others[chosen[n]]);
    begun.push_back(std::move(transfer));
  }
  workers_.Enter(begun);
}

void Transfers::DropOutdated(absl::Span<const FetchWish> wishes) {
  for (const TransferBoard::Interrupted& old : board_.FindInterrupted(wishes)) {
    if (!chooser_.MeansAnotherBook(wishes[old.wish], old.content)) continue;
    const TransferId& id = old.transfer->record.id;
    const char* why = "its name means another book now, which was asked for in its place";
    if (BeginEnd(id, why).ok()) AwaitEnd(id).IgnoreError();
  }
}

absl::Status Transfers::BeginEnd(const TransferId& id, const char* why) {
  absl::StatusOr<TransferPtr> transfer = board_.AskEnd(id, why);
  if (!transfer.ok()) return transfer.status();
  LogInfo("end_asked", {{"transfer", id}, {"why", why}});
  if (workers_.Withdraw(*transfer)) {
    dropper_.Drop(**transfer, MakeError(Reason::kTransferCancelled, why));
  } else {
    parts_.fetcher->End(id);
  }
  return absl::OkStatus();
}

absl::Status Transfers::AwaitEnd(const TransferId& id) const {
  for (uint64_t version = 0; !stopping();) {
    absl::StatusOr<Change> change = board_.Await(id, version, kEndWait);
    if (!change.ok()) return change.status();
    version = change->version;
    switch (change->view.record.state) {
      case TransferRecord::State::kIntent:
        continue;
      case TransferRecord::State::kDropped:
        return absl::OkStatus();
      case TransferRecord::State::kPrepared:
      case TransferRecord::State::kOwned:
      case TransferRecord::State::kDone:
        return MakeError(Reason::kTransferNotEndable,
                         "the book was complete just before; arkshare-cli transfers shows it");
    }
  }
  return MakeError(Reason::kShuttingDown, "the peer is shutting down");
}

std::vector<absl::Status> Transfers::Cancel(absl::Span<const TransferId> ids) {
  std::vector<absl::Status> results;
  // All are asked before the first is awaited, so they end together.
  for (const TransferId& id : ids) results.push_back(BeginEnd(id, "cancelled by its owner"));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (results[i].ok()) results[i] = AwaitEnd(ids[i]);
  }
  return results;
}

std::vector<absl::Status> Transfers::Forget(absl::Span<const TransferId> ids) {
  std::vector<TransferId> interrupted;
  for (const TransferId& id : ids) {
    const absl::StatusOr<Change> now = board_.Await(id, 0, absl::ZeroDuration());
    if (now.ok() && now->view.state == TransferView::State::kFailed &&
        now->view.record.state == TransferRecord::State::kIntent) {
      interrupted.push_back(id);
    }
  }
  Cancel(interrupted);
  std::vector<absl::Status> results;
  for (const TransferId& id : ids) results.push_back(board_.Forget(id));
  return results;
}

std::vector<absl::StatusOr<TransferId>> Transfers::Retry(absl::Span<const TransferId> ids) {
  std::vector<absl::StatusOr<TransferId>> results;
  std::vector<FetchWish> wishes;  // of those that begin again
  std::vector<size_t> of_wishes;  // their places in the results
  for (const TransferId& id : ids) {
    const absl::StatusOr<TransferBoard::GoOn> go_on = board_.AskGoOn(id);
    if (!go_on.ok()) {
      results.push_back(go_on.status());
      continue;
    }
    LogInfo("retry_asked", {{"transfer", id}});
    switch (go_on->how) {
      case TransferBoard::GoOn::How::kHurry:
        workers_.Hurry(go_on->transfer);
        break;
      case TransferBoard::GoOn::How::kResume:
        workers_.Resume(go_on->transfer);
        break;
      case TransferBoard::GoOn::How::kBeginAgain: {
        const TransferRecord& record = go_on->transfer->record;
        of_wishes.push_back(results.size());
        // A book that would have come as a copy does not move in the second attempt.
        wishes.push_back(
            {.content = record.content, .save_as = record.name, .copy_only = !record.move});
        break;
      }
    }
    results.push_back(id);
  }
  const GroupPtr group = BeginMany(wishes);
  for (size_t i = 0; i < wishes.size(); ++i) {
    absl::StatusOr<TransferId> begun = board_.TransferOf(*group, i);
    // The new transfer takes the place of the old one in the list.
    if (begun.ok()) board_.Forget(*results[of_wishes[i]]).IgnoreError();
    results[of_wishes[i]] = std::move(begun);
  }
  return results;
}

absl::StatusOr<TransferView> Transfers::Place(const TransferId& id, const BookName& name) {
  if (absl::Status s = board_.MayPlace(id); !s.ok()) return s;
  Entrance::Checked checked;
  if (absl::Status s = store_.ReserveName(name, checked); !s.ok()) return s;
  absl::StatusOr<TransferBoard::PlaceWishPtr> wish = board_.AskPlace(id, name);
  if (!wish.ok()) {
    store_.UnreserveName(name);
    return wish.status();
  }
  LogInfo("place_asked", {{"transfer", id}, {"book", name}});
  while (!stopping()) {
    // Again and again, because a worker may have looked for the wish just before it came.
    workers_.Hurry((*wish)->transfer);
    const std::optional<absl::Status> answer = board_.AwaitPlace(**wish, kPlaceWait);
    if (!answer) continue;
    if (!answer->ok()) {
      store_.UnreserveName(name);
      return GetReason(*answer) != Reason::kUnspecified
                 ? *answer
                 : MakeError(Reason::kPlaceUnusable,
                             absl::StrCat("the book cannot enter your folder as ",
                                          EscapeForDisplay(name.value()), ": ", answer->message(),
                                          "; mend that, or choose another name"));
    }
    absl::StatusOr<Change> now = board_.Await(id, 0, absl::ZeroDuration());
    if (!now.ok()) return now.status();
    return std::move(now->view);
  }
  return MakeError(Reason::kShuttingDown, "the peer is shutting down");
}

absl::Status Transfers::Keep(const TransferId& id) {
  absl::StatusOr<TransferPtr> transfer = board_.AskKeep(id);
  if (!transfer.ok()) return transfer.status();
  // A worker that waits for the source's answer takes `keep` when it has the answer.
  workers_.Hurry(*transfer);
  LogInfo("keep_asked", {{"transfer", id}});
  return absl::OkStatus();
}

absl::StatusOr<Transfers::Change> Transfers::Await(const TransferId& id, uint64_t version,
                                                   absl::Duration wait) const {
  return board_.Await(id, version, wait);
}

Transfers::GroupChanges Transfers::AwaitMany(Group& group, absl::Duration wait) const {
  return board_.AwaitGroup(group, wait);
}

std::vector<TransferView> Transfers::List() const { return board_.List(); }

TransferBoard::Changes Transfers::ChangesSince(uint64_t mark, size_t most) const {
  return board_.ChangesSince(mark, most);
}

bool Transfers::stopping() const { return board_.stopped(); }

}  // namespace arkshare
