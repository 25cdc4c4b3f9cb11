#include "services/index/posting_list.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace arkshare {
namespace {

constexpr size_t kMostBytes = 248;  // of distances in a block
constexpr size_t kLongestVarint = 5;

size_t WriteVarint(uint32_t value, uint8_t* to) {
  size_t bytes = 0;
  for (; value >= 0x80; value >>= 7) to[bytes++] = static_cast<uint8_t>(value | 0x80);
  to[bytes++] = static_cast<uint8_t>(value);
  return bytes;
}

const uint8_t* ReadVarint(const uint8_t* from, uint32_t& value) {
  value = *from & 0x7F;
  for (int shift = 7; (*from++ & 0x80) != 0; shift += 7) {
    value |= static_cast<uint32_t>(*from & 0x7F) << shift;
  }
  return from;
}

}  // namespace

struct PostingList::Block {
  uint32_t last;
  uint32_t bytes;

  static size_t Capacity(size_t bytes) { return std::bit_ceil(sizeof(Block) + bytes); }
  static Block* Make(size_t bytes, BlockPool& pool) {
    return new (pool.Allocate(Capacity(bytes))) Block{0, static_cast<uint32_t>(bytes)};
  }
  uint8_t* distances() { return reinterpret_cast<uint8_t*>(this + 1); }
};

PostingList::Entry PostingList::MakeEntry(absl::Span<const uint32_t> ids, BlockPool& pool) {
  std::array<uint8_t, kMostBytes + kLongestVarint> buffer;
  size_t bytes = 0;
  for (size_t i = 1; i < ids.size(); ++i) {
    bytes += WriteVarint(ids[i] - ids[i - 1], buffer.data() + bytes);
  }
  Block* block = Block::Make(bytes, pool);
  block->last = ids.back();
  std::memcpy(block->distances(), buffer.data(), bytes);
  return {ids.front(), block};
}

void PostingList::FreeBlock(Block* block, BlockPool& pool) {
  pool.Free(reinterpret_cast<char*>(block), Block::Capacity(block->bytes));
}

PostingList::Ids PostingList::Decode(const Entry& entry) {
  Ids ids = {entry.first};
  const uint8_t* next = entry.block->distances();
  for (const uint8_t* end = next + entry.block->bytes; next != end;) {
    uint32_t distance = 0;
    next = ReadVarint(next, distance);
    ids.push_back(ids.back() + distance);
  }
  return ids;
}

bool PostingList::Append(Entry& entry, uint32_t id, BlockPool& pool) {
  Block* block = entry.block;
  std::array<uint8_t, kLongestVarint> varint;
  const size_t more = WriteVarint(id - block->last, varint.data());
  const size_t bytes = block->bytes + more;
  if (bytes > kMostBytes) return false;
  if (Block::Capacity(bytes) != Block::Capacity(block->bytes)) {
    entry.block = Block::Make(bytes, pool);
    std::memcpy(entry.block->distances(), block->distances(), block->bytes);
    FreeBlock(block, pool);
    block = entry.block;
  }
  std::memcpy(block->distances() + bytes - more, varint.data(), more);
  block->bytes = static_cast<uint32_t>(bytes);
  block->last = id;
  return true;
}

size_t PostingList::PlaceOf(uint32_t id) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), id,
                       [](uint32_t wanted, const Entry& entry) { return wanted < entry.first; });
  return after == entries_.begin() ? 0 : static_cast<size_t>(after - entries_.begin()) - 1;
}

bool PostingList::Insert(uint32_t id, BlockPool& pool) {
  const size_t place = PlaceOf(id);
  if (entries_.empty() || id > entries_[place].block->last) {
    if (entries_.empty() || !Append(entries_[place], id, pool)) {
      const size_t at = entries_.empty() ? 0 : place + 1;
      entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(at), MakeEntry({id}, pool));
    }
  } else {
    Ids ids = Decode(entries_[place]);
    const auto at = std::lower_bound(ids.begin(), ids.end(), id);
    if (*at == id) return false;
    const auto inserted = ids.insert(at, id);
    InsertWithin(place, ids, static_cast<size_t>(inserted - ids.begin()), pool);
  }
  ++size_;
  return true;
}

// `ids` are those of the block at `place`, and at `at` stands the new one.
void PostingList::InsertWithin(size_t place, absl::Span<const uint32_t> ids, size_t at,
                               BlockPool& pool) {
  const bool full = entries_[place].block->bytes + kLongestVarint > kMostBytes;
  FreeBlock(entries_[place].block, pool);
  if (!full) {
    entries_[place] = MakeEntry(ids, pool);
    return;
  }
  entries_[place] = MakeEntry(ids.first(at + 1), pool);
  entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(place) + 1,
                  MakeEntry(ids.subspan(at + 1), pool));
}

bool PostingList::Erase(uint32_t id, BlockPool& pool) {
  if (entries_.empty()) return false;
  const size_t place = PlaceOf(id);
  Ids ids = Decode(entries_[place]);
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  if (at == ids.end() || *at != id) return false;
  ids.erase(at);
  const uint32_t bytes = entries_[place].block->bytes;
  FreeBlock(entries_[place].block, pool);
  --size_;
  const auto next = entries_.begin() + static_cast<ptrdiff_t>(place) + 1;
  // Small neighbours become one.
  if (next != entries_.end() && bytes + next->block->bytes < kMostBytes / 2) {
    const Ids more = Decode(*next);
    ids.insert(ids.end(), more.begin(), more.end());
    FreeBlock(next->block, pool);
    entries_.erase(next);
  }
  if (ids.empty()) {
    entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(place));
  } else {
    entries_[place] = MakeEntry(ids, pool);
  }
  return true;
}

void PostingList::Clear(BlockPool& pool) {
  for (const Entry& entry : entries_) FreeBlock(entry.block, pool);
  entries_.clear();
  size_ = 0;
}

PostingCursor::PostingCursor(const Postings& postings)
    : list_(postings.list), id_(postings.one), done_(postings.size == 0) {
  if (list_ != nullptr && !done_) Enter(0);
}

void PostingCursor::Enter(size_t entry) {
  entry_ = entry;
  PostingList::Block* block = list_->entries_[entry].block;
  next_ = block->distances();
  end_ = next_ + block->bytes;
  id_ = list_->entries_[entry].first;
}

void PostingCursor::Next() {
  if (next_ != end_) {
    uint32_t distance = 0;
    next_ = ReadVarint(next_, distance);
    id_ += distance;
  } else if (list_ != nullptr && entry_ + 1 < list_->entries_.size()) {
    Enter(entry_ + 1);
  } else {
    done_ = true;
  }
}

void PostingCursor::SeekForward(uint32_t id) {
  if (list_ != nullptr && !done_ && id > list_->entries_[entry_].block->last) {
    const size_t place = list_->PlaceOf(id);
    if (place > entry_) Enter(place);
  }
  while (!done_ && id_ < id) Next();
}

}  // namespace arkshare
