#include "services/index/etcd/transaction_batcher.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace arkshare {
namespace {

// After this many chains whose next write did not fit, a transaction is full enough.
constexpr int kMaxMisses = 64;

size_t BytesOf(const SharedLog::Write& write) {
  size_t bytes = 0;
  for (const SharedLog::Guard& guard : write.guards) bytes += guard.key.size();
  for (const SharedLog::Change& change : write.changes) {
    bytes += change.key.size() + (change.value.has_value() ? change.value->size() : 0);
  }
  return bytes;
}

// A write without a chain is a chain by itself. No name of a caller begins with a zero byte.
std::string ChainName(uint64_t id, const SharedLog::Write& write) {
  if (!write.chain.empty()) return absl::StrCat("=", write.chain);
  return absl::StrCat("#", id);
}

}  // namespace

struct TransactionBatcher::Contents {
  bool Fits(const SharedLog::Write& write) const {
    size_t new_guards = 0;
    for (const SharedLog::Guard& guard : write.guards) {
      if (changed.contains(guard.key)) return false;
      const auto same = guards.find(guard.key);
      if (same == guards.end()) {
        ++new_guards;
      } else if (same->second != guard.revision) {
        return false;
      }
    }
    for (const SharedLog::Change& change : write.changes) {
      if (changed.contains(change.key) || guards.contains(change.key)) return false;
    }
    if (writes == 0) return true;
    return writes < kMaxWrites && changed.size() + write.changes.size() <= kMaxChanges &&
           guards.size() + new_guards <= kMaxGuards && bytes + BytesOf(write) <= kMaxBytes;
  }

  void Add(const SharedLog::Write& write) {
    ++writes;
    bytes += BytesOf(write);
    for (const SharedLog::Guard& guard : write.guards) guards[guard.key] = guard.revision;
    for (const SharedLog::Change& change : write.changes) changed.insert(change.key);
  }

  absl::flat_hash_map<std::string, int64_t> guards;
  absl::flat_hash_set<std::string> changed;
  size_t bytes = 0;
  size_t writes = 0;
};

void TransactionBatcher::Add(uint64_t id, SharedLog::Write write) {
  const std::string name = ChainName(id, write);
  queued_bytes_ += BytesOf(write);
  Chain& chain = chains_[name];
  chain.items.push_back({id, std::move(write)});
  MakeReady(name, chain, false);
}

std::optional<TransactionBatcher::Batch> TransactionBatcher::Next() {
  if (under_way_ >= kMaxUnderWay || ready_.empty()) return std::nullopt;
  Batch batch;
  Contents contents;
  std::vector<std::string> missed;
  while (!ready_.empty() && static_cast<int>(missed.size()) < kMaxMisses) {
    std::string name = std::move(ready_.front());
    ready_.pop_front();
    Chain& chain = chains_[name];
    chain.ready = false;
    const size_t before = batch.items.size();
    const bool all = Take(chain, contents, batch);
    chain.busy = batch.items.size() > before;
    if (!all && !chain.busy) missed.push_back(std::move(name));
    if (contents.bytes >= kMaxBytes || contents.writes >= kMaxWrites) break;
  }
  for (auto name = missed.rbegin(); name != missed.rend(); ++name) {
    MakeReady(*name, chains_[*name], true);
  }
  batch.number = ++last_number_;
  ++under_way_;
  return batch;
}

void TransactionBatcher::End(const Batch& batch, std::vector<Item> again) {
  --under_way_;
  std::vector<std::string> names;
  for (auto item = again.rbegin(); item != again.rend(); ++item) {
    queued_bytes_ += BytesOf(item->write);
    std::string name = ChainName(item->id, item->write);
    chains_[name].items.push_front(std::move(*item));
    names.push_back(std::move(name));
  }
  for (const Item& item : batch.items) names.push_back(ChainName(item.id, item.write));
  for (size_t i = 0; i < names.size(); ++i) {
    const auto chain = chains_.find(names[i]);
    if (chain == chains_.end()) continue;
    chain->second.busy = false;
    if (chain->second.items.empty()) {
      chains_.erase(chain);
    } else {
      MakeReady(names[i], chain->second, i < again.size());
    }
  }
}

std::vector<uint64_t> TransactionBatcher::DropQueued() {
  std::vector<uint64_t> dropped;
  for (auto& [name, chain] : chains_) {
    for (const Item& item : chain.items) dropped.push_back(item.id);
    chain.items.clear();
    chain.ready = false;
  }
  absl::erase_if(chains_, [](const auto& chain) { return !chain.second.busy; });
  ready_.clear();
  queued_bytes_ = 0;
  return dropped;
}

void TransactionBatcher::MakeReady(const std::string& name, Chain& chain, bool first) {
  if (chain.busy || chain.ready || chain.items.empty()) return;
  chain.ready = true;
  if (first) {
    ready_.push_front(name);
  } else {
    ready_.push_back(name);
  }
}

bool TransactionBatcher::Take(Chain& chain, Contents& contents, Batch& batch) {
  while (!chain.items.empty()) {
    Item& item = chain.items.front();
    if (!contents.Fits(item.write)) return false;
    contents.Add(item.write);
    queued_bytes_ -= BytesOf(item.write);
    batch.items.push_back(std::move(item));
    chain.items.pop_front();
  }
  return true;
}

}  // namespace arkshare
