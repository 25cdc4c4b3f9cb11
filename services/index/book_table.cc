#include "services/index/book_table.h"

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>

#include <algorithm>
#include <utility>

namespace arkshare {

bool EditionByName::operator()(const Edition* a, const Edition* b) const {
  return a->title->name < b->title->name;
}
bool EditionByName::operator()(const Edition* a, absl::string_view b) const {
  return absl::string_view(a->title->name.value()) < b;
}
bool EditionByName::operator()(absl::string_view a, const Edition* b) const {
  return a < absl::string_view(b->title->name.value());
}

BookTable::WordKey::WordKey(absl::string_view word) : text(word) {
  for (size_t i = 0; i < sizeof(head); ++i) {
    head = head << 8 | (i < word.size() ? static_cast<uint8_t>(word[i]) : 0);
  }
}

BookTable::BookTable() = default;

BookTable::~BookTable() {
  titles_.ForEach([](const std::unique_ptr<Title>& title) {
    for (Edition* edition : title->editions) delete edition;
  });
}

Edition* BookTable::Add(const BookName& name, absl::Span<const std::string> words,
                        const ContentId& content, Copy copy) {
  const std::unique_ptr<Title>* known = titles_.Find(name.value());
  Title* title = known != nullptr ? known->get() : AddTitle(name, words);
  const auto place = title->editions.find(content);
  Edition* edition = nullptr;
  if (place != title->editions.end()) {
    edition = *place;
  } else {
    edition = new Edition{title, content, {}};
    title->editions.insert(edition);
    contents_[content].insert(edition);
  }
  edition->copies.push_back(copy);
  return edition;
}

void BookTable::Remove(Edition* edition, Copy copy) {
  const auto place = absl::c_find_if(edition->copies, [&](const Copy& other) {
    return other.shelf == copy.shelf && other.number == copy.number;
  });
  if (place == edition->copies.end()) return;
  *place = edition->copies.back();
  edition->copies.pop_back();
  if (!edition->copies.empty()) {
    if (edition->copies.size() * 4 < edition->copies.capacity()) edition->copies.shrink_to_fit();
    return;
  }

  auto* same_content = contents_.Find(edition->content);
  same_content->erase(edition);
  if (same_content->empty()) contents_.Erase(edition->content);
  Title* title = edition->title;
  title->editions.erase(edition);
  delete edition;
  if (title->editions.empty()) RemoveTitle(title);
}

Title* BookTable::AddTitle(const BookName& name, absl::Span<const std::string> words) {
  uint32_t id = 0;
  if (free_ids_.empty()) {
    id = static_cast<uint32_t>(titles_by_id_.size());
    titles_by_id_.push_back(nullptr);
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  auto owned = std::make_unique<Title>(name, id);
  Title* title = owned.get();
  titles_by_id_[id] = title;
  for (const std::string& text : words) {
    auto place = words_.find(WordKey(text));
    if (place == words_.end()) {
      auto word = std::make_unique<Word>(Word{text, {}});
      const WordKey key(word->text);
      place = words_.emplace(key, std::move(word)).first;
    }
    if (place->second->titles.insert(id).second) title->words.push_back(place->second->text);
  }
  titles_[title->name.value()] = std::move(owned);
  return title;
}

void BookTable::RemoveTitle(Title* title) {
  for (const absl::string_view text : title->words) {
    const auto place = words_.find(WordKey(text));
    place->second->titles.erase(title->id);
    if (place->second->titles.empty()) words_.erase(place);
  }
  titles_by_id_[title->id] = nullptr;
  free_ids_.push_back(title->id);
  titles_.Erase(title->name.value());
}

const Title* BookTable::FindTitle(absl::string_view name) const {
  const std::unique_ptr<Title>* title = titles_.Find(name);
  return title == nullptr ? nullptr : title->get();
}

const absl::btree_set<Edition*, EditionByName>* BookTable::FindContent(
    const ContentId& content) const {
  return contents_.Find(content);
}

void BookTable::ScanPrefix(absl::string_view prefix, size_t most, ScanPosition& position,
                           absl::FunctionRef<void(const Title&)> visit) const {
  const absl::string_view from = position.word.empty() ? prefix : position.word;
  size_t visits = 0;
  for (auto word = words_.lower_bound(WordKey(from)); word != words_.end(); ++word) {
    if (!absl::StartsWith(word->first.text, prefix)) break;
    const absl::btree_set<uint32_t>& titles = word->second->titles;
    // Only the word where the last call stopped is continued in its midst.
    const bool resumed = word->first.text == position.word;
    auto id = resumed ? titles.lower_bound(position.next_title) : titles.begin();
    for (; id != titles.end(); ++id) {
      if (visits++ >= most) {
        position.word = std::string(word->first.text);
        position.next_title = *id;
        return;
      }
      visit(*titles_by_id_[*id]);
    }
  }
  position.done = true;
}

size_t BookTable::EstimatePrefix(absl::string_view prefix, size_t enough) const {
  size_t count = 0;
  for (auto word = words_.lower_bound(WordKey(prefix)); word != words_.end() && count <= enough;
       ++word) {
    if (!absl::StartsWith(word->first.text, prefix)) break;
    count += word->second->titles.size();
  }
  return count;
}

}  // namespace arkshare
