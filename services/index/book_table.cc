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

BookTable::BookTable() = default;

BookTable::~BookTable() {
  for (const auto& [name, title] : titles_) {
    for (Edition* edition : title->editions) delete edition;
  }
}

Edition* BookTable::Add(const BookName& name, absl::Span<const std::string> words,
                        const ContentId& content, Copy copy) {
  const auto known = titles_.find(name.value());
  Title* title = known != titles_.end() ? known->second.get() : AddTitle(name, words);
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

  const auto same_content = contents_.find(edition->content);
  same_content->second.erase(edition);
  if (same_content->second.empty()) contents_.erase(same_content);
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
    auto place = words_.find(text);
    if (place == words_.end()) {
      auto word = std::make_unique<Word>(Word{text, {}});
      const absl::string_view key = word->text;
      place = words_.emplace(key, std::move(word)).first;
    }
    if (place->second->titles.insert(id).second) title->words.push_back(place->second->text);
  }
  titles_.emplace(title->name.value(), std::move(owned));
  return title;
}

void BookTable::RemoveTitle(Title* title) {
  for (const absl::string_view text : title->words) {
    const auto place = words_.find(text);
    place->second->titles.erase(title->id);
    if (place->second->titles.empty()) words_.erase(place);
  }
  titles_by_id_[title->id] = nullptr;
  free_ids_.push_back(title->id);
  titles_.erase(titles_.find(title->name.value()));
}

const Title* BookTable::FindTitle(absl::string_view name) const {
  const auto place = titles_.find(name);
  return place == titles_.end() ? nullptr : place->second.get();
}

const absl::btree_set<Edition*, EditionByName>* BookTable::FindContent(
    const ContentId& content) const {
  const auto place = contents_.find(content);
  return place == contents_.end() ? nullptr : &place->second;
}

void BookTable::ScanPrefix(absl::string_view prefix, size_t most, ScanPosition& position,
                           absl::FunctionRef<void(const Title&)> visit) const {
  const absl::string_view from = position.word.empty() ? prefix : position.word;
  size_t visits = 0;
  for (auto word = words_.lower_bound(from); word != words_.end(); ++word) {
    if (!absl::StartsWith(word->first, prefix)) break;
    const absl::btree_set<uint32_t>& titles = word->second->titles;
    // Only the word where the last call stopped is continued in its midst.
    const bool resumed = word->first == position.word;
    auto id = resumed ? titles.lower_bound(position.next_title) : titles.begin();
    for (; id != titles.end(); ++id) {
      if (visits++ >= most) {
        position.word = std::string(word->first);
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
  for (auto word = words_.lower_bound(prefix); word != words_.end() && count <= enough; ++word) {
    if (!absl::StartsWith(word->first, prefix)) break;
    count += word->second->titles.size();
  }
  return count;
}

}  // namespace arkshare
