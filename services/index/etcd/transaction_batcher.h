// Which writes go to etcd together, and in which order.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_TRANSACTION_BATCHER_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_TRANSACTION_BATCHER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Pure; the caller locks. A chain has writes in one transaction at a time. In a transaction no key
// is changed twice, and no write changes a key that another one guards: so the writes of one
// transaction could have been made one after the other.
class TransactionBatcher {
 public:
  // The limits of a transaction, without the log's own operations and compares. etcd allows 128 of
  // each and 1.5 MiB. A write that is larger than kMaxBytes goes by itself.
  static constexpr size_t kMaxChanges = 126;
  static constexpr size_t kMaxGuards = 126;
  static constexpr size_t kMaxBytes = 1024 * 1024;
  static constexpr size_t kMaxUnderWay = 2;
  // The most writes of a transaction: a mark has neither changes nor guards.
  static constexpr size_t kMaxWrites = 1024;

  struct Item {
    uint64_t id = 0;
    SharedLog::Write write;
  };
  struct Batch {
    uint64_t number = 0;
    std::vector<Item> items;
  };

  // `id` is the caller's, and never used twice.
  void Add(uint64_t id, SharedLog::Write write);
  // Returns the next transaction, which is then under way until End; nullopt when there is none, or
  // kMaxUnderWay are under way.
  std::optional<Batch> Next();
  // A transaction is over. `again` are the writes of it that are sent once more, in their order,
  // before the others of their chains.
  void End(const Batch& batch, std::vector<Item> again);
  // Forgets everything that is not under way; returns the ids.
  std::vector<uint64_t> DropQueued();

  // Bytes of keys and values that are not under way.
  size_t queued_bytes() const { return queued_bytes_; }
  // Returns whether nothing waits and nothing is under way.
  bool idle() const { return under_way_ == 0 && ready_.empty(); }
  size_t under_way() const { return under_way_; }

 private:
  struct Chain {
    std::deque<Item> items;
    bool busy = false;   // under way
    bool ready = false;  // its name is in ready_
  };
  struct Contents;

  void MakeReady(const std::string& name, Chain& chain, bool first);
  // Moves what fits of a chain into a transaction. Returns false when its next write did not fit.
  bool Take(Chain& chain, Contents& contents, Batch& batch);

  absl::flat_hash_map<std::string, Chain> chains_;
  std::deque<std::string> ready_;  // chains with writes that are not busy
  size_t queued_bytes_ = 0;
  size_t under_way_ = 0;
  uint64_t last_number_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_TRANSACTION_BATCHER_H_
