// Which transfer brings already what is wished for.
#include <algorithm>

#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {
namespace {

// Whether a transfer that is under way already is what is wished for.
bool Brings(const TransferView& view, const FetchWish& wish) {
  const std::optional<BookName>& name = wish.save_as ? wish.save_as : wish.name;
  if (name && view.record.name != *name) return false;
  if (wish.content && view.record.content != *wish.content) return false;
  // Nobody who wants a copy wants the source to lose its own.
  if (wish.copy_only && view.record.move) return false;
  // After a restart it is not known from which number it comes.
  const bool from_another = view.from_peer_id != 0 && view.from_peer_id != wish.from_peer_id;
  if (wish.from_peer_id != 0 && from_another) return false;
  return name || wish.content;
}

}  // namespace

std::vector<TransferPtr> Transfers::Rejoin(absl::Span<const FetchWish> wishes,
                                                      const std::shared_ptr<Group>& group) {
  std::vector<TransferPtr> joined(wishes.size());
  MutexLock lock(&mutex_);
  Together open;
  for (const TransferPtr& transfer : in_order_) {
    if (transfer->view.record.state != TransferRecord::State::kIntent) continue;
    const auto& groups = transfer->groups;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) open.push_back(transfer);
  }
  for (size_t i = 0; i < wishes.size(); ++i) {
    const auto found = std::find_if(open.begin(), open.end(), [&](const TransferPtr& transfer) {
      return Brings(transfer->view, wishes[i]);
    });
    if (found == open.end()) continue;
    joined[i] = *found;
    open.erase(found);
    GoOn(joined[i]);
    joined[i]->groups.push_back(group);
    ++group->open;
  }
  return joined;
}

void Transfers::GoOn(const TransferPtr& transfer) {
  TransferView& view = transfer->view;
  if (view.state != TransferView::State::kFailed) return;
  view.state = TransferView::State::kFetching;
  view.error = absl::OkStatus();
  view.message.clear();
  ++transfer->version;
  if (transfer->receiving) {
    transfer->again = true;
    return;
  }
  transfer->try_until = absl::InfinitePast();  // counts from the next interruption
  if (!transfer->parked) return;               // its time has come already
  const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                   [&](const auto& entry) { return entry.second == transfer; });
  if (queued != queue_.end()) queue_.erase(queued);
  Enter(transfer);
}

}  // namespace arkshare
