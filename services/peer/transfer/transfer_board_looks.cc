// How the owner looks at the transfers of a TransferBoard.
#include <algorithm>
#include <vector>

#include "services/peer/transfer/transfer_board.h"

namespace arkshare {
namespace {

constexpr size_t kMaxListed = 1000;

}  // namespace

std::vector<TransferView> TransferBoard::List() const {
  MutexLock lock(&mutex_);
  std::vector<TransferView> views;
  for (auto it = in_order_.rbegin(); it != in_order_.rend() && views.size() < kMaxListed; ++it) {
    views.push_back((*it)->view);
  }
  return views;
}

TransferBoard::Changes TransferBoard::ChangesSince(uint64_t mark, size_t most) const {
  MutexLock lock(&mutex_);
  Changes changes{.mark = changes_};
  std::vector<const Entry*> changed;
  for (const EntryPtr& entry : in_order_) {
    if (entry->changed > mark) changed.push_back(entry.get());
  }
  std::sort(changed.begin(), changed.end(),
            [](const Entry* a, const Entry* b) { return a->changed < b->changed; });
  if (changed.size() > most) {
    changed.resize(most);
    changes.more = true;
    changes.mark = changed.back()->changed;
  }
  for (const Entry* entry : changed) changes.views.push_back(entry->view);
  if (last_forgotten_ > mark) {
    changes.remaining.emplace();
    for (const EntryPtr& entry : in_order_) {
      changes.remaining->push_back(entry->view.record.id);
    }
  }
  return changes;
}

}  // namespace arkshare
