#include "services/index/store/posting_list.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace arkshare {
namespace {

constexpr size_t kMostBytes = 248;  // of distances in a block
constexpr size_t kLongestVarint = 5;

size_t VarintBytes(uint32_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

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

uint8_t* PostingList::OpenGap(Entry& entry, size_t at, size_t more, BlockPool& pool) {
  Block* old = entry.block;
  const size_t bytes = old->bytes + more;
  if (Block::Capacity(bytes) != Block::Capacity(old->bytes)) {
    entry.block = Block::Make(bytes, pool);
    entry.block->last = old->last;
    std::memcpy(entry.block->distances(), old->distances(), at);
  }
  uint8_t* opened = entry.block->distances() + at;
  std::memmove(opened + more, old->distances() + at, old->bytes - at);
  if (entry.block != old) FreeBlock(old, pool);
  entry.block->bytes = static_cast<uint32_t>(bytes);
  return opened;
}

bool PostingList::Append(Entry& entry, uint32_t id, BlockPool& pool) {
  const uint32_t distance = id - entry.block->last;
  const size_t more = VarintBytes(distance);
  if (entry.block->bytes + more > kMostBytes) return false;
  WriteVarint(distance, OpenGap(entry, entry.block->bytes, more, pool));
  entry.block->last = id;
  return true;
}

size_t PostingList::PlaceOf(uint32_t id) const {
  // Without branches, because a processor could not predict them.
  const Entry* place = entries_.data();
  for (size_t left = entries_.size(); left > 1;) {
    const size_t half = left / 2;
    place = place[half].first <= id ? place + half : place;
    left -= half;
  }
  return static_cast<size_t>(place - entries_.data());
}

bool PostingList::IsPlaceOf(uint32_t id, size_t place) const {
  return place < entries_.size() && (place == 0 || entries_[place].first <= id) &&
         (place + 1 == entries_.size() || id < entries_[place + 1].first);
}

bool PostingList::Insert(uint32_t id, size_t place, BlockPool& pool) {
  if (!IsPlaceOf(id, place)) place = PlaceOf(id);
  if (entries_.empty() || id > entries_[place].block->last) {
    if (entries_.empty() || !Append(entries_[place], id, pool)) {
      const size_t at = entries_.empty() ? 0 : place + 1;
      entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(at), MakeEntry({id}, pool));
    }
  } else if (!InsertWithin(place, id, pool)) {
    return false;
  }
  ++size_;
  return true;
}

bool PostingList::InsertWithin(size_t place, uint32_t id, BlockPool& pool) {
  Entry& entry = entries_[place];
  if (id == entry.first) return false;
  // Finds the id `before` the new one, and `at`, the distance that the new one splits.
  uint32_t before = entry.first;
  uint32_t distance = 0;
  const uint8_t* at = entry.block->distances();
  const uint8_t* behind = at;
  while (id > before) {
    behind = ReadVarint(at, distance);
    if (before + distance == id) return false;
    if (before + distance > id) break;
    before += distance;
    at = behind;
  }
  if (entry.block->bytes + kLongestVarint > kMostBytes) {
    Split(place, id, pool);
    return true;
  }
  const auto offset = static_cast<size_t>(at - entry.block->distances());
  if (id < entry.first) {
    WriteVarint(entry.first - id, OpenGap(entry, 0, VarintBytes(entry.first - id), pool));
    entry.first = id;
    return true;
  }
  const uint32_t rest = before + distance - id;
  const size_t bytes = VarintBytes(id - before) + VarintBytes(rest);
  uint8_t* opened = OpenGap(entry, offset, bytes - static_cast<size_t>(behind - at), pool);
  WriteVarint(rest, opened + WriteVarint(id - before, opened));
  return true;
}

void PostingList::Split(size_t place, uint32_t id, BlockPool& pool) {
  Ids ids = Decode(entries_[place]);
  const auto inserted = ids.insert(std::lower_bound(ids.begin(), ids.end(), id), id);
  const auto left = static_cast<size_t>(inserted - ids.begin()) + 1;
  FreeBlock(entries_[place].block, pool);
  entries_[place] = MakeEntry(absl::MakeSpan(ids).first(left), pool);
  entries_.insert(entries_.begin() + static_cast<ptrdiff_t>(place) + 1,
                  MakeEntry(absl::MakeSpan(ids).subspan(left), pool));
}

bool PostingList::Erase(uint32_t id, BlockPool& pool) {
  if (entries_.empty()) return false;
  const size_t place = PlaceOf(id);
  Entry& entry = entries_[place];
  const Block& block = *entry.block;
  if (id < entry.first || id > block.last) return false;
  if (block.bytes == 0) {
    FreeBlock(entry.block, pool);
    entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(place));
  } else if (!EraseWithin(entry, id, pool)) {
    return false;
  } else {
    MergeWithNext(place, pool);
  }
  --size_;
  return true;
}

bool PostingList::EraseWithin(Entry& entry, uint32_t id, BlockPool& pool) {
  const uint8_t* const begin = entry.block->distances();
  const uint8_t* const end = begin + entry.block->bytes;
  uint32_t distance = 0;
  if (id == entry.first) {
    const uint8_t* const behind = ReadVarint(begin, distance);
    entry.first += distance;
    CloseGap(entry, 0, static_cast<size_t>(behind - begin), pool);
    return true;
  }
  // Finds `at`, the distance that ends at the id, and the id `before` it.
  uint32_t before = entry.first;
  const uint8_t* at = begin;
  const uint8_t* behind = ReadVarint(at, distance);
  for (; before + distance < id; behind = ReadVarint(at, distance)) {
    before += distance;
    at = behind;
  }
  if (before + distance != id) return false;
  const auto offset = static_cast<size_t>(at - begin);
  if (behind == end) {
    entry.block->last = before;
    CloseGap(entry, offset, static_cast<size_t>(behind - at), pool);
    return true;
  }
  uint32_t next = 0;
  const uint8_t* const rest = ReadVarint(behind, next);
  const size_t bytes = WriteVarint(distance + next, entry.block->distances() + offset);
  CloseGap(entry, offset + bytes, static_cast<size_t>(rest - at) - bytes, pool);
  return true;
}

void PostingList::CloseGap(Entry& entry, size_t at, size_t less, BlockPool& pool) {
  Block* const old = entry.block;
  const size_t bytes = old->bytes - less;
  if (Block::Capacity(bytes) != Block::Capacity(old->bytes)) {
    entry.block = Block::Make(bytes, pool);
    entry.block->last = old->last;
    std::memcpy(entry.block->distances(), old->distances(), at);
  }
  std::memmove(entry.block->distances() + at, old->distances() + at + less, bytes - at);
  if (entry.block != old) FreeBlock(old, pool);
  entry.block->bytes = static_cast<uint32_t>(bytes);
}

void PostingList::MergeWithNext(size_t place, BlockPool& pool) {
  if (place + 1 == entries_.size()) return;
  const auto next = entries_.begin() + static_cast<ptrdiff_t>(place) + 1;
  if (entries_[place].block->bytes + next->block->bytes >= kMostBytes / 2) return;
  Ids ids = Decode(entries_[place]);
  const Ids more = Decode(*next);
  ids.insert(ids.end(), more.begin(), more.end());
  FreeBlock(entries_[place].block, pool);
  FreeBlock(next->block, pool);
  entries_.erase(next);
  entries_[place] = MakeEntry(ids, pool);
}

void PostingList::Clear(BlockPool& pool) {
  for (const Entry& entry : entries_) FreeBlock(entry.block, pool);
  entries_.clear();
  size_ = 0;
}

PostingCursor::PostingCursor(const Postings& postings)
    : list_(postings.list), id_(postings.one), done_(postings.size == 0) {
  if (list_ != nullptr && !done_) MoveToBlock(0);
}

void PostingCursor::MoveToBlock(size_t entry) {
  entry_ = entry;
  PostingList::Block* block = list_->entries_[entry].block;
  next_ = block->distances();
  end_ = next_ + block->bytes;
  id_ = list_->entries_[entry].first;
}

void PostingCursor::NextBlock() {
  if (list_ != nullptr && entry_ + 1 < list_->entries_.size()) {
    MoveToBlock(entry_ + 1);
  } else {
    done_ = true;
  }
}

size_t PostingCursor::Read(uint32_t limit, absl::Span<uint32_t> ids) {
  size_t count = 0;
  while (!done_ && id_ < limit && count < ids.size()) {
    ids[count++] = id_;
    // A tight loop for the common case: distances of one byte.
    uint32_t id = id_;
    const uint8_t* next = next_;
    const uint8_t* const end = next + std::min<size_t>(end_ - next, ids.size() - count);
    for (; next != end && *next < 0x80 && id + *next < limit; ++next) {
      id += *next;
      ids[count++] = id;
    }
    id_ = id;
    next_ = next;
    Next();
  }
  return count;
}

uint32_t PostingCursor::ReadRest(uint32_t first) {
  uint32_t distance = first & 0x7F;
  for (int shift = 7;; shift += 7) {
    const uint32_t byte = *next_++;
    distance |= (byte & 0x7F) << shift;
    if (byte < 0x80) return distance;
  }
}

void PostingCursor::SeekForward(uint32_t id) {
  if (list_ != nullptr && !done_ && id > list_->entries_[entry_].block->last) {
    const size_t place = list_->PlaceOf(id);
    if (place > entry_) MoveToBlock(place);
  }
  // Skips eight distances of one byte each at a time.
  while (id_ < id && end_ - next_ >= 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, next_, sizeof(eight));
    if ((eight & 0x8080808080808080) != 0) {
      Next();
      continue;
    }
    const uint64_t pairs = (eight & 0x00FF00FF00FF00FF) + (eight >> 8 & 0x00FF00FF00FF00FF);
    const auto sum = static_cast<uint32_t>(pairs * 0x0001000100010001 >> 48);
    if (id - id_ <= sum) break;
    id_ += sum;
    next_ += sizeof(eight);
  }
  while (!done_ && id_ < id) Next();
}

}  // namespace arkshare
