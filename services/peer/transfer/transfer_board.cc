#include "services/peer/transfer/transfer_board.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "services/peer/transfer/transfer_rules.h"

namespace arkshare {

absl::StatusOr<TransferBoard::EntryPtr> TransferBoard::Find(const TransferId& id) const {
  EntryPtr entry = table_.Find(id);
  if (entry == nullptr) return NoSuchTransfer();
  return entry;
}

void TransferBoard::Tell() {
  changed_.NotifyAll();
  if (bell_ != nullptr) bell_->Ring();
}

void TransferBoard::CountChange(Entry& entry) {
  table_.CountChange(entry);
  Tell();
}

void TransferBoard::Add(const TransferPtr& transfer, TransferView view, const GroupPtr& group,
                        size_t wish) {
  auto entry = std::make_shared<Entry>(Entry{transfer, std::move(view)});
  entry->view.start = clock_->Now();
  MutexLock lock(&mutex_);
  table_.Add(entry);
  Tell();
  if (group == nullptr) return;
  entry->groups.push_back(group);
  ++group->open_;
  group->members_[wish].entry = std::move(entry);
}

void TransferBoard::Update(const Transfer& transfer,
                           absl::FunctionRef<void(TransferView&)> change) {
  MutexLock lock(&mutex_);
  const EntryPtr found = table_.Find(transfer.record.id);
  if (found == nullptr) return;  // over, and forgotten since
  Entry& entry = *found;
  const bool had_ended = entry.view.HasEnded();
  entry.view.record = transfer.record;
  entry.view.waits_for_place = false;
  change(entry.view);
  CountChange(entry);
  if (entry.view.HasEnded()) Answer(entry, entry.view.error);
  if (had_ended || !entry.view.HasEnded()) return;
  for (const std::weak_ptr<Group>& member_of : entry.groups) {
    const GroupPtr group = member_of.lock();
    if (group != nullptr && --group->open_ == 0) group->all_ended_.NotifyAll();
  }
  entry.groups.clear();
}

void TransferBoard::Fail(const Transfer& transfer, const absl::Status& why) {
  Update(transfer, [&](TransferView& view) {
    view.state = TransferView::State::kFailed;
    view.error = why;
    view.message = std::string(why.message());
    view.bytes_per_second = 0;
    view.end = clock_->Now();
  });
}

TransferBoard::GroupPtr TransferBoard::NewGroup(size_t wishes) {
  return std::make_shared<Group>(wishes);
}

void TransferBoard::Reopen(Entry& entry) {
  entry.view.state = TransferView::State::kFetching;
  entry.view.error = absl::OkStatus();
  entry.view.message.clear();
  CountChange(entry);
}

TransferBoard::Joined TransferBoard::Join(absl::Span<const FetchWish> wishes, const GroupPtr& group,
                                          size_t first) {
  Joined joined;
  MutexLock lock(&mutex_);
  std::vector<EntryPtr> open;
  for (const EntryPtr& entry : table_.entries()) {
    if (entry->view.record.state != TransferRecord::State::kIntent) continue;
    const bool in_group =
        std::any_of(entry->groups.begin(), entry->groups.end(),
                    [&](const std::weak_ptr<Group>& other) { return other.lock() == group; });
    if (!in_group) open.push_back(entry);
  }
  for (size_t i = 0; i < wishes.size(); ++i) {
    const auto found = std::find_if(open.begin(), open.end(), [&](const EntryPtr& entry) {
      return Answers(entry->view, wishes[i]);
    });
    if (found == open.end()) {
      joined.others.push_back(i);
      continue;
    }
    Entry& entry = **found;
    if (entry.view.state == TransferView::State::kFailed) {
      Reopen(entry);
      joined.reopened.push_back(entry.transfer);
    }
    entry.groups.push_back(group);
    ++group->open_;
    group->members_[first + i].entry = *found;
    open.erase(found);
  }
  return joined;
}

std::vector<TransferBoard::Interrupted> TransferBoard::FindInterrupted(
    absl::Span<const FetchWish> wishes) const {
  std::vector<Interrupted> found;
  MutexLock lock(&mutex_);
  for (const EntryPtr& entry : table_.entries()) {
    const TransferView& view = entry->view;
    if (!IsInterrupted(view)) continue;
    for (size_t i = 0; i < wishes.size(); ++i) {
      if (!AsksForName(view, wishes[i])) continue;
      found.push_back({entry->transfer, view.record.content, i});
      break;
    }
  }
  return found;
}

void TransferBoard::Refuse(Group& group, size_t wish, const absl::Status& why) {
  MutexLock lock(&mutex_);
  group.members_[wish].refused = why;
}

absl::StatusOr<TransferId> TransferBoard::TransferOf(const Group& group, size_t wish) const {
  MutexLock lock(&mutex_);
  const Group::Member& member = group.members_[wish];
  if (member.entry == nullptr) return member.refused;
  return member.entry->view.record.id;
}

absl::StatusOr<TransferPtr> TransferBoard::AskEnd(const TransferId& id, const char* why) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found.status();
  const Entry& entry = **found;
  if (absl::Status s = MayEnd(entry.view); !s.ok()) return s;
  entry.transfer->end = why;
  return entry.transfer;
}

absl::Status TransferBoard::Forget(const TransferId& id) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found.status();
  if (absl::Status s = MayForget((*found)->view); !s.ok()) return s;
  table_.Forget(*found);
  Tell();
  return absl::OkStatus();
}

absl::StatusOr<TransferBoard::GoOn> TransferBoard::AskGoOn(const TransferId& id) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found.status();
  Entry& entry = **found;
  GoOn go_on{.transfer = entry.transfer};
  switch (entry.view.record.state) {
    case TransferRecord::State::kIntent:
      if (entry.view.state == TransferView::State::kFailed) {
        Reopen(entry);
        go_on.how = GoOn::How::kResume;
      }
      return go_on;
    case TransferRecord::State::kPrepared:
    case TransferRecord::State::kOwned:
      return go_on;
    case TransferRecord::State::kDropped:
      go_on.how = GoOn::How::kBeginAgain;
      return go_on;
    case TransferRecord::State::kDone:
      break;
  }
  return MakeError(Reason::kTransferNotWaiting, "the book is here already; nothing is left to do");
}

absl::StatusOr<TransferPtr> TransferBoard::AskKeep(const TransferId& id) {
  MutexLock lock(&mutex_);
  const absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found.status();
  Entry& entry = **found;
  if (absl::Status s = MayKeep(entry.view); !s.ok()) return s;
  if (WaitsForSource(entry.view)) {
    entry.transfer->keep = true;
    entry.view.message = "to be kept as a copy, unless the source answers just now";
  }
  CountChange(entry);
  return entry.transfer;
}

absl::StatusOr<TransferBoard::EntryPtr> TransferBoard::FindToPlace(const TransferId& id) const {
  absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found;
  if (!(*found)->view.waits_for_place) {
    return MakeError(
        Reason::kTransferNotWaiting,
        "this transfer does not wait for a place: its book can enter the folder, or is "
        "in it already; arkshare-cli transfers says which");
  }
  if ((*found)->place != nullptr) {
    return MakeError(Reason::kTransferNotWaiting,
                     "another place was chosen for it just now; look at arkshare-cli transfers");
  }
  return found;
}

absl::Status TransferBoard::MayPlace(const TransferId& id) const {
  MutexLock lock(&mutex_);
  return FindToPlace(id).status();
}

absl::StatusOr<TransferBoard::PlaceWishPtr> TransferBoard::AskPlace(const TransferId& id,
                                                                    const BookName& name) {
  MutexLock lock(&mutex_);
  absl::StatusOr<EntryPtr> entry = FindToPlace(id);
  if (!entry.ok()) return entry.status();
  (*entry)->place = std::make_shared<PlaceWish>(PlaceWish{(*entry)->transfer, name});
  return (*entry)->place;
}

std::optional<absl::Status> TransferBoard::AwaitPlace(const PlaceWish& wish,
                                                      absl::Duration wait) const {
  MutexLock lock(&mutex_);
  if (!wish.answer && !stopped_) changed_.WaitFor(&mutex_, wait);
  return wish.answer;
}

std::optional<BookName> TransferBoard::ChosenPlace(const Transfer& transfer) const {
  MutexLock lock(&mutex_);
  const EntryPtr entry = table_.Find(transfer.record.id);
  if (entry == nullptr || entry->place == nullptr) return std::nullopt;
  return entry->place->name;
}

void TransferBoard::AnswerPlace(const Transfer& transfer, const absl::Status& answer) {
  MutexLock lock(&mutex_);
  const EntryPtr entry = table_.Find(transfer.record.id);
  if (entry != nullptr) Answer(*entry, answer);
}

void TransferBoard::Answer(Entry& entry, const absl::Status& answer) {
  if (entry.place == nullptr) return;
  entry.place->answer = answer;
  entry.place.reset();
  changed_.NotifyAll();
}

absl::StatusOr<TransferBoard::Change> TransferBoard::Await(const TransferId& id, uint64_t version,
                                                           absl::Duration wait) const {
  MutexLock lock(&mutex_);
  const absl::StatusOr<EntryPtr> found = Find(id);
  if (!found.ok()) return found.status();
  const EntryPtr entry = *found;
  const absl::Time until = clock_->Monotonic() + wait;
  while (entry->version == version && !stopped_) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
  }
  return Change{entry->view, entry->version};
}

TransferBoard::GroupChanges TransferBoard::AwaitGroup(Group& group, absl::Duration wait) const {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + wait;
  while (group.open_ > 0 && !stopped_) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    group.all_ended_.WaitFor(&mutex_, left);
  }
  GroupChanges out{{}, group.open_ == 0};
  for (size_t i = 0; i < group.members_.size(); ++i) {
    Group::Member& member = group.members_[i];
    const uint64_t version = member.entry ? member.entry->version : 1;
    if (std::exchange(member.seen, version) == version) continue;
    if (member.entry) {
      out.changes.push_back({i, member.entry->view});
    } else {
      out.changes.push_back({i, member.refused});
    }
  }
  return out;
}

std::vector<TransferView> TransferBoard::List() const {
  MutexLock lock(&mutex_);
  return table_.List();
}

TransferBoard::Changes TransferBoard::ChangesSince(uint64_t mark, size_t most) const {
  MutexLock lock(&mutex_);
  return table_.ChangesSince(mark, most);
}

void TransferBoard::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.NotifyAll();
  for (const EntryPtr& entry : table_.entries()) {
    for (const std::weak_ptr<Group>& member_of : entry->groups) {
      if (const GroupPtr group = member_of.lock()) group->all_ended_.NotifyAll();
    }
  }
}

bool TransferBoard::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

}  // namespace arkshare
