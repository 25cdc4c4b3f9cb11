#include "services/index/catalog/watch_filters.h"

#include <utility>
#include <variant>

#include "lib/core/search_words.h"
#include "services/index/store/words.h"

namespace arkshare {
namespace {

template <typename Map, typename Key>
void EraseFrom(Map& map, const Key& key, uint32_t slot) {
  const auto place = map.find(key);
  std::erase(place->second, slot);
  if (place->second.empty()) map.erase(place);
}

}  // namespace

void WatchFilters::Add(QueuePtr queue) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  slot_of_[queue.get()] = slot;
  slots_[slot] = {std::move(queue)};
  if (!slots_[slot].queue->parts().books) return;
  const std::optional<BookQuery>& filter = slots_[slot].queue->filter();
  if (!filter.has_value()) {
    without_filter_.push_back(slot);
  } else if (const auto* name = std::get_if<BookName>(&filter->what())) {
    by_name_[name->value()].push_back(slot);
  } else if (const auto* content = std::get_if<ContentId>(&filter->what())) {
    by_content_[*content].push_back(slot);
  } else {
    const auto& words = std::get<Keywords>(filter->what()).words;
    slots_[slot].keywords = words.size();
    for (const std::string& word : words) {
      Keyword& keyword = by_keyword_[word];
      if (keyword.slots.empty()) ++keyword_lengths_[word.size()];
      keyword.slots.push_back(slot);
    }
  }
}

void WatchFilters::Remove(const EventQueue* queue) {
  const auto place = slot_of_.find(queue);
  if (place == slot_of_.end()) return;
  const uint32_t slot = place->second;
  const std::optional<BookQuery>& filter = queue->filter();
  if (!queue->parts().books) {
    // No book leads to it.
  } else if (!filter.has_value()) {
    std::erase(without_filter_, slot);
  } else if (const auto* name = std::get_if<BookName>(&filter->what())) {
    EraseFrom(by_name_, name->value(), slot);
  } else if (const auto* content = std::get_if<ContentId>(&filter->what())) {
    EraseFrom(by_content_, *content, slot);
  } else {
    for (const std::string& word : std::get<Keywords>(filter->what()).words) {
      const auto keyword = by_keyword_.find(word);
      std::erase(keyword->second.slots, slot);
      if (!keyword->second.slots.empty()) continue;
      by_keyword_.erase(keyword);
      const auto length = keyword_lengths_.find(word.size());
      if (--length->second == 0) keyword_lengths_.erase(length);
    }
  }
  slot_of_.erase(place);
  slots_[slot] = {};
  free_.push_back(slot);
}

void WatchFilters::VisitThoseThatWant(const CatalogEvent& event, Visit visit) {
  if (!event.book.has_value()) {
    return VisitAll([&](const QueuePtr& queue) {
      if (queue->Wants(event)) visit(queue);
    });
  }
  ++event_;
  for (const uint32_t slot : without_filter_) visit(slots_[slot].queue);
  VisitBook(event.book->listing, visit);
  if (event.old_book.has_value()) VisitBook(event.old_book->listing, visit);
}

void WatchFilters::VisitAll(Visit visit) const {
  for (const Slot& slot : slots_) {
    if (slot.queue != nullptr) visit(slot.queue);
  }
}

void WatchFilters::VisitBook(const BookListing& book, Visit visit) {
  if (const auto place = by_name_.find(book.name.value()); place != by_name_.end()) {
    for (const uint32_t slot : place->second) VisitOnce(slot, visit);
  }
  if (const auto place = by_content_.find(book.content); place != by_content_.end()) {
    for (const uint32_t slot : place->second) VisitOnce(slot, visit);
  }
  if (!by_keyword_.empty()) VisitName(NameWords(book.name.value()), visit);
}

// Each keyword is counted once, however many words of the name it begins.
void WatchFilters::VisitName(const std::string& folded, Visit visit) {
  ++name_;
  for (const absl::string_view word : DistinctWords(folded)) {
    for (const auto& [length, count] : keyword_lengths_) {
      if (length > word.size()) break;
      const auto place = by_keyword_.find(word.substr(0, length));
      if (place == by_keyword_.end() || place->second.found_in == name_) continue;
      place->second.found_in = name_;
      for (const uint32_t slot_number : place->second.slots) {
        Slot& slot = slots_[slot_number];
        if (slot.counted_in != name_) slot.found = 0;
        slot.counted_in = name_;
        if (++slot.found == slot.keywords) VisitOnce(slot_number, visit);
      }
    }
  }
}

void WatchFilters::VisitOnce(uint32_t slot, Visit visit) {
  if (std::exchange(slots_[slot].visited_in, event_) != event_) visit(slots_[slot].queue);
}

}  // namespace arkshare
