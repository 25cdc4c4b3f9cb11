#include "services/peer/library/listing_table.h"

#include <utility>

namespace arkshare {

void ListingTable::Touch(const std::string& path) {
  if (watches_ != nullptr) watches_->Touch(path);
}

void ListingTable::Insert(Book book) {
  const uint64_t number = book.record.number;
  Touch(book.record.path);
  by_path_[book.record.path] = number;
  by_name_[book.record.name] = number;
  by_content_[book.record.content].insert(number);
  bytes_ += book.record.content.size;
  if (book.record.unsettled) ++unsettled_;
  entries_.emplace(number, Entry{.book = std::move(book)});
}

void ListingTable::Erase(uint64_t number) {
  const auto it = entries_.find(number);
  if (it == entries_.end()) return;
  const ListingRecord& record = it->second.book.record;
  it->second.ended->store(true);
  Touch(record.path);
  by_path_.erase(record.path);
  // The name may lead to another listing: that of a received book, or of a path that is the same in
  // NFC.
  if (const auto named = by_name_.find(record.name);
      named != by_name_.end() && named->second == number) {
    by_name_.erase(named);
  }
  const auto content = by_content_.find(record.content);
  content->second.erase(number);
  if (content->second.empty()) by_content_.erase(content);
  bytes_ -= record.content.size;
  if (record.unsettled) --unsettled_;
  entries_.erase(it);
}

void ListingTable::Settle(uint64_t number) {
  Entry* const entry = Find(number);
  if (entry == nullptr || !std::exchange(entry->book.record.unsettled, false)) return;
  --unsettled_;
  Touch(entry->book.record.path);
}

const ListingTable::Entry* ListingTable::Find(uint64_t number) const {
  const auto it = entries_.find(number);
  return it == entries_.end() ? nullptr : &it->second;
}

ListingTable::Entry* ListingTable::Find(uint64_t number) {
  const auto it = entries_.find(number);
  return it == entries_.end() ? nullptr : &it->second;
}

const ListingTable::Entry* ListingTable::FindName(const BookName& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : Find(it->second);
}

const ListingTable::Entry* ListingTable::FindPath(const std::string& path) const {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : Find(it->second);
}

ListingTable::Entry* ListingTable::FindPath(const std::string& path) {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : Find(it->second);
}

std::vector<const ListingTable::Entry*> ListingTable::FindContent(const ContentId& content) const {
  std::vector<const Entry*> out;
  const auto it = by_content_.find(content);
  if (it == by_content_.end()) return out;
  for (uint64_t number : it->second) out.push_back(Find(number));
  return out;
}

}  // namespace arkshare
