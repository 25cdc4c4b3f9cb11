// The titles that contain a word: a set of 32-bit numbers, one or two bytes each.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_POSTING_LIST_H_
#define ARKSHARE_SERVICES_INDEX_STORE_POSTING_LIST_H_

#include <absl/container/inlined_vector.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/index/store/block_pool.h"

namespace arkshare {

// Numbers in order, in blocks of at most 256 bytes: the first number of a block is in the
// directory, each other one is stored as its distance from the one before (LEB128). A full block is
// split at the insertion point. Titles of one length always arrive at the same point, which is
// therefore the end of a block, so adding one writes a byte or two. Not thread-safe.
class PostingList {
 public:
  // Returns whether the id was not there. `place` is the result of Prefetch, which may be out of
  // date.
  bool Insert(uint32_t id, size_t place, BlockPool& pool);
  bool Insert(uint32_t id, BlockPool& pool) { return Insert(id, 0, pool); }
  // Returns whether the id was there.
  bool Erase(uint32_t id, BlockPool& pool);
  void Clear(BlockPool& pool);
  // Fetches into the cache what Prefetch reads.
  void PrefetchPlaces() const { __builtin_prefetch(entries_.data() + entries_.size() / 2); }
  // Fetches into the cache what a cursor reads first.
  void PrefetchFirst() const { __builtin_prefetch(entries_.data()); }
  // Fetches into the cache what Insert changes, and returns its place.
  size_t Prefetch(uint32_t id) const {
    const size_t place = PlaceOf(id);
    if (!entries_.empty()) __builtin_prefetch(entries_[place].block);
    return place;
  }
  size_t size() const { return size_; }

 private:
  friend class PostingCursor;
  struct Block;
  struct Entry {
    uint32_t first;
    Block* block;
  };

  // The ids of a block, on the stack.
  using Ids = absl::InlinedVector<uint32_t, 256>;

  static Entry MakeEntry(absl::Span<const uint32_t> ids, BlockPool& pool);
  static void FreeBlock(Block* block, BlockPool& pool);
  static Ids Decode(const Entry& entry);
  // Makes room for `more` bytes at the offset `at`, and returns the address of the room.
  static uint8_t* OpenGap(Entry& entry, size_t at, size_t more, BlockPool& pool);
  // Returns false when the block is full.
  static bool Append(Entry& entry, uint32_t id, BlockPool& pool);
  // Returns the place of the block that has `id` if any has: the last one that begins at or before
  // it.
  size_t PlaceOf(uint32_t id) const;
  bool IsPlaceOf(uint32_t id, size_t place) const;
  // Returns whether the id was not there. Requires that it is not greater than the block's last id.
  bool InsertWithin(size_t place, uint32_t id, BlockPool& pool);
  // Removes `less` bytes at the offset `at`.
  static void CloseGap(Entry& entry, size_t at, size_t less, BlockPool& pool);
  // Returns whether the id was there. Requires that the block has another one, and that the id is
  // between its first and its last.
  static bool EraseWithin(Entry& entry, uint32_t id, BlockPool& pool);
  // Makes one block of this and the next one when both are small.
  void MergeWithNext(size_t place, BlockPool& pool);
  // Splits the block and inserts the id as the last one of the first half.
  void Split(size_t place, uint32_t id, BlockPool& pool);

  std::vector<Entry> entries_;
  uint32_t size_ = 0;
};

// A posting list, or a single number in place of a list of one, or nothing.
struct Postings {
  const PostingList* list = nullptr;
  uint32_t one = 0;
  size_t size = 0;
};

// Reads postings in order. Invalid once the list changes.
class PostingCursor {
 public:
  explicit PostingCursor(const Postings& postings);

  bool done() const { return done_; }
  uint32_t id() const { return id_; }
  void Next() {
    if (next_ == end_) return NextBlock();
    const uint32_t distance = *next_++;
    id_ += distance < 0x80 ? distance : ReadRest(distance);
  }
  // Reads the next ids that are smaller than `limit`, as many as `ids` has room for. Returns how
  // many.
  size_t Read(uint32_t limit, absl::Span<uint32_t> ids);
  // Moves to the first id that is `id` or greater; never moves back.
  void Seek(uint32_t id) {
    if (id_ < id) SeekForward(id);
  }

 private:
  void SeekForward(uint32_t id);
  void MoveToBlock(size_t entry);
  void NextBlock();
  // Reads the rest of the distance that begins with the byte `first`, and returns it all.
  uint32_t ReadRest(uint32_t first);

  const PostingList* list_;
  size_t entry_ = 0;
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint32_t id_ = 0;
  bool done_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_POSTING_LIST_H_
