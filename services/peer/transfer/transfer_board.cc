#include "services/peer/transfer/transfer_board.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr size_t kMaxRemembered = 1000;

bool HasEnded(TransferView::State state) {
  return state == TransferView::State::kDone || state == TransferView::State::kFailed;
}

absl::Status NoSuchTransfer() {
  return MakeError(Reason::kTransferUnknown, "there is no such transfer");
}

// Why a transfer cannot be given up any more; OK while it is received.
absl::Status MayEnd(const TransferView& view) {
  switch (view.record.state) {
    case TransferRecord::State::kIntent:
      return absl::OkStatus();
    case TransferRecord::State::kPrepared:
      return MakeError(Reason::kTransferNotEndable,
                       "the whole book is here, and its source may have given it away already, so "
                       "only the source's answer ends this; if the source is gone for good, take "
                       "the book as a copy with arkshare-cli transfers keep");
    case TransferRecord::State::kOwned:
      return MakeError(Reason::kTransferNotEndable,
                       "the book belongs to this peer already; delete its file if you do not want "
                       "it");
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      break;
  }
  return MakeError(Reason::kTransferNotEndable,
                   "the transfer is over; arkshare-cli transfers forget removes it from the list");
}

// Whether a transfer that is being received answers the wish.
bool Answers(const TransferView& view, const FetchWish& wish) {
  const std::optional<BookName>& name = wish.save_as ? wish.save_as : wish.name;
  if (name && view.record.name != *name) return false;
  if (wish.content && view.record.content != *wish.content) return false;
  // The owner who asks for a copy does not want the source to lose its own.
  if (wish.copy_only && view.record.move) return false;
  // After a restart, the number of the peer that it comes from is not known.
  const bool from_another = view.from_peer_id != 0 && view.from_peer_id != wish.from_peer_id;
  if (wish.from_peer_id != 0 && from_another) return false;
  return name || wish.content;
}

}  // namespace

void TransferBoard::CountChange(Entry* entry) {
  ++changes_;
  if (entry != nullptr) {
    ++entry->version;
    entry->changed = changes_;
  } else {
    last_forgotten_ = changes_;
  }
  changed_.NotifyAll();
  if (bell_ != nullptr) bell_->Ring();
}

void TransferBoard::Remember(const EntryPtr& entry) {
  by_id_[entry->view.record.id] = entry;
  in_order_.push_back(entry);
  CountChange(entry.get());
  if (in_order_.size() <= kMaxRemembered) return;
  const auto over = std::find_if(in_order_.begin(), in_order_.end(), [](const EntryPtr& other) {
    return other->view.record.state >= TransferRecord::State::kDone;
  });
  if (over == in_order_.end()) return;
  by_id_.erase((*over)->view.record.id);
  in_order_.erase(over);
  CountChange(nullptr);
}

void TransferBoard::Add(const TransferPtr& transfer, TransferView view, const GroupPtr& group,
                        size_t wish) {
  auto entry = std::make_shared<Entry>(Entry{transfer, std::move(view)});
  entry->view.start = clock_->Now();
  MutexLock lock(&mutex_);
  Remember(entry);
  if (group == nullptr) return;
  entry->groups.push_back(group);
  ++group->open_;
  group->members_[wish].entry = std::move(entry);
}

void TransferBoard::Update(const Transfer& transfer,
                           absl::FunctionRef<void(TransferView&)> change) {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(transfer.record.id);
  if (found == by_id_.end()) return;  // over, and forgotten since
  Entry& entry = *found->second;
  const bool had_ended = HasEnded(entry.view.state);
  entry.view.record = transfer.record;
  entry.view.waits_for_place = false;
  change(entry.view);
  CountChange(&entry);
  if (HasEnded(entry.view.state)) Answer(entry, entry.view.error);
  if (had_ended || !HasEnded(entry.view.state)) return;
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
  CountChange(&entry);
}

TransferBoard::Joined TransferBoard::Join(absl::Span<const FetchWish> wishes, const GroupPtr& group,
                                          size_t first) {
  Joined joined;
  MutexLock lock(&mutex_);
  std::vector<EntryPtr> open;
  for (const EntryPtr& entry : in_order_) {
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
  for (const EntryPtr& entry : in_order_) {
    const TransferView& view = entry->view;
    if (view.record.state != TransferRecord::State::kIntent ||
        view.state != TransferView::State::kFailed) {
      continue;
    }
    for (size_t i = 0; i < wishes.size(); ++i) {
      const std::optional<BookName>& name = wishes[i].save_as ? wishes[i].save_as : wishes[i].name;
      if (!name || *name != view.record.name || !(wishes[i].name || wishes[i].content)) continue;
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
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  const Entry& entry = *found->second;
  if (absl::Status s = MayEnd(entry.view); !s.ok()) return s;
  entry.transfer->end = why;
  return entry.transfer;
}

absl::Status TransferBoard::Forget(const TransferId& id) {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  const EntryPtr entry = found->second;
  switch (entry->view.record.state) {
    case TransferRecord::State::kDone:
    case TransferRecord::State::kDropped:
      break;
    case TransferRecord::State::kOwned:
      if (!HasEnded(entry->view.state)) return MayEnd(entry->view);
      return MakeError(Reason::kTransferNotEndable,
                       "the book is here, and the index or its source has not been told yet; the "
                       "peer goes on trying, so forget it later");
    case TransferRecord::State::kIntent:
      return MakeError(Reason::kTransferNotEndable,
                       "the book is still being received; end that first with arkshare-cli "
                       "transfers cancel");
    case TransferRecord::State::kPrepared:
      return MayEnd(entry->view);
  }
  by_id_.erase(found);
  std::erase(in_order_, entry);
  CountChange(nullptr);
  return absl::OkStatus();
}

absl::StatusOr<TransferBoard::GoOn> TransferBoard::AskGoOn(const TransferId& id) {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  Entry& entry = *found->second;
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
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  Entry& entry = *found->second;
  const TransferRecord& record = entry.view.record;
  const bool waits = record.state == TransferRecord::State::kPrepared && record.move;
  if (!waits && !record.kept) {
    return MakeError(Reason::kTransferNotWaiting,
                     "this transfer does not wait for its source: it is still being received, or "
                     "over; arkshare-cli transfers says which");
  }
  if (waits) {
    entry.transfer->keep = true;
    entry.view.message = "to be kept as a copy, unless the source answers just now";
  }
  CountChange(&entry);
  return entry.transfer;
}

absl::StatusOr<TransferBoard::EntryPtr> TransferBoard::FindToPlace(const TransferId& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  if (!found->second->view.waits_for_place) {
    return MakeError(
        Reason::kTransferNotWaiting,
        "this transfer does not wait for a place: its book can enter the folder, or is "
        "in it already; arkshare-cli transfers says which");
  }
  if (found->second->place != nullptr) {
    return MakeError(Reason::kTransferNotWaiting,
                     "another place was chosen for it just now; look at arkshare-cli transfers");
  }
  return found->second;
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
  const auto found = by_id_.find(transfer.record.id);
  if (found == by_id_.end() || found->second->place == nullptr) return std::nullopt;
  return found->second->place->name;
}

void TransferBoard::AnswerPlace(const Transfer& transfer, const absl::Status& answer) {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(transfer.record.id);
  if (found != by_id_.end()) Answer(*found->second, answer);
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
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return NoSuchTransfer();
  const EntryPtr entry = found->second;
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

void TransferBoard::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.NotifyAll();
  for (const EntryPtr& entry : in_order_) {
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
