#include "services/peer/transfer/transfer_table.h"

#include <algorithm>
#include <utility>

namespace arkshare {
namespace {

constexpr size_t kMaxRemembered = 1000;
constexpr size_t kMaxListed = 1000;

}  // namespace

TransferTable::EntryPtr TransferTable::Find(const TransferId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void TransferTable::Add(const EntryPtr& entry) {
  by_id_[entry->view.record.id] = entry;
  in_order_.push_back(entry);
  CountChange(*entry);
  if (in_order_.size() <= kMaxRemembered) return;
  const auto over = std::find_if(in_order_.begin(), in_order_.end(), [](const EntryPtr& other) {
    return other->view.record.state >= TransferRecord::State::kDone;
  });
  if (over != in_order_.end()) Forget(EntryPtr(*over));
}

void TransferTable::Forget(const EntryPtr& entry) {
  by_id_.erase(entry->view.record.id);
  std::erase(in_order_, entry);
  last_forgotten_ = ++changes_;
}

void TransferTable::CountChange(Entry& entry) {
  ++entry.version;
  entry.changed = ++changes_;
}

std::vector<TransferView> TransferTable::List() const {
  std::vector<TransferView> views;
  for (auto it = in_order_.rbegin(); it != in_order_.rend() && views.size() < kMaxListed; ++it) {
    views.push_back((*it)->view);
  }
  return views;
}

TransferTable::Changes TransferTable::ChangesSince(uint64_t mark, size_t most) const {
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
