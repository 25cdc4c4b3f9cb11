#include "services/index/store/book_table.h"

#include <absl/container/inlined_vector.h>
#include <absl/hash/hash.h>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "lib/core/search_words.h"
#include "services/index/store/stored_text.h"
#include "services/index/store/words.h"

namespace arkshare {

const ContentId& BookTable::ContentOfGroup::operator()(uint32_t group) const {
  return table->ContentOf(table->of_content_.First(group));
}

void BookTable::ContentOfGroup::PrefetchRecord(uint32_t group) const {
  if (table->of_content_.IsOne(group)) table->PrefetchEdition(group);
}

bool BookTable::ByContent::operator()(EditionId a, EditionId b) const {
  return table->ContentOf(a) < table->ContentOf(b);
}
bool BookTable::ByContent::operator()(EditionId a, const ContentId& b) const {
  return table->ContentOf(a) < b;
}
bool BookTable::ByContent::operator()(const ContentId& a, EditionId b) const {
  return a < table->ContentOf(b);
}
bool BookTable::ByName::operator()(EditionId a, EditionId b) const {
  return table->NameOf(a) < table->NameOf(b);
}
bool BookTable::ByName::operator()(EditionId a, absl::string_view b) const {
  return table->NameOf(a) < b;
}
bool BookTable::ByName::operator()(absl::string_view a, EditionId b) const {
  return a < table->NameOf(b);
}

BookTable::BookTable()
    : of_title_(ByContent{this}),
      of_content_(ByName{this}),
      by_name_(NameOfTitle{this}),
      by_content_(ContentOfGroup{this}),
      words_(&pool_),
      popular_words_(&pool_) {}

void BookTable::PrefetchEdition(EditionId edition) const {
  const Edition& record = editions_[edition];
  __builtin_prefetch(&record);
  __builtin_prefetch(reinterpret_cast<const char*>(&record + 1) - 1);
}

// In rounds over all books, so that the memory of one is fetched while that of another is used.
void BookTable::Prefetch(absl::Span<const BookToAdd> books) const {
  for (const BookToAdd& book : books) {
    by_name_.Prefetch(book.keys->name_hash());
    by_content_.Prefetch(book.keys->content_hash());
  }
  absl::InlinedVector<TitleId, 32> titles;
  for (const BookToAdd& book : books) {
    const std::optional<TitleId> title = by_name_.Guess(book.keys->name_hash());
    if (title.has_value()) titles.push_back(*title);
  }
  Prefetch(titles);
  PrefetchEditions(titles);
}

EditionId BookTable::Add(const BookToAdd& book, Copy copy) {
  std::optional<TitleId> title = by_name_.Find(book.name, book.keys->name_hash());
  std::optional<EditionId> edition;
  if (title.has_value()) edition = of_title_.Find(TitleAt(*title).editions, *book.content);
  if (edition.has_value()) {
    editions_[*edition].copies.Add(copy, pool_);
  } else {
    if (!title.has_value()) title = AddTitle(book);
    edition = editions_.Add({*title, Copies(copy), *book.content});
    AddEdition(*edition, book.keys->content_hash());
  }
  const auto popularity = static_cast<int>(std::bit_width(editions_[*edition].copies.count()));
  if (popularity > PopularityOf(*title)) SetPopularity(*title, popularity);
  return *edition;
}

void BookTable::AddWords() {
  if (new_words_.empty()) return;
  words_.Add(new_words_);
  new_words_.clear();
}

void BookTable::Remove(EditionId id, Copy copy) {
  AddWords();  // because only words that have been added can be removed
  Edition& edition = editions_[id];
  if (edition.copies.count() == 1) {
    if (edition.copies.all().front() == copy) RemoveEdition(id);
    return;
  }
  if (!edition.copies.Remove(copy, pool_)) return;
  if (of_title_.IsOne(TitleAt(edition.title).editions)) {
    SetPopularity(edition.title, static_cast<int>(std::bit_width(edition.copies.count())));
  }
}

void BookTable::SetPopularity(TitleId title, int popularity) {
  const bool was_popular = PopularityOf(title) >= kPopular;
  standings_[WordsInId(title)].Set(PlaceOf(title),
                                   Standing(-popularity, StandingOf(title).shuffle()));
  // Titles without words may have been added with by_words = false.
  if (was_popular == (popularity >= kPopular) || WordsInId(title) == 0) return;
  const std::string folded = NameWords(TextOf(title));
  if (was_popular) {
    popular_words_.Remove(title, DistinctWords(folded));
  } else {
    std::vector<WordOfTitle> words;
    for (const absl::string_view word : DistinctWords(folded)) words.emplace_back(word, title);
    popular_words_.Add(words);
  }
}

TitleId BookTable::AddTitle(const BookToAdd& book) {
  const size_t words = book.by_words ? book.keys->word_count() : 0;
  const auto length = static_cast<uint32_t>(std::min<size_t>(words, kMostWordsInId));
  const uint32_t place = titles_[length].Add({StoreText(book.name, pool_)});
  standings_[length].Set(place, Standing(0, book.keys->shuffle()));
  const TitleId title = FirstTitleOf(length) + place;
  by_name_.Insert(book.keys->name_hash(), title);
  for (size_t i = 0; i < words; ++i) {
    new_words_.emplace_back(book.keys->word(i), title, book.keys->word_hash(i));
  }
  return title;
}

void BookTable::RemoveTitle(TitleId title) {
  SetPopularity(title, 0);
  char* name = TitleAt(title).name;
  if (WordsInId(title) > 0) {
    const std::string folded = NameWords(ReadText(name));
    words_.Remove(title, DistinctWords(folded));
  }
  by_name_.Erase(ReadText(name));
  FreeText(name, pool_);
  titles_[WordsInId(title)].Remove(PlaceOf(title));
}

void BookTable::AddEdition(EditionId edition, size_t content_hash) {
  Title& title = TitleAt(editions_[edition].title);
  title.editions = of_title_.Add(title.editions, edition);

  const ContentId& content = ContentOf(edition);
  const std::optional<uint32_t> known = by_content_.Find(content, content_hash);
  const uint32_t group = of_content_.Add(known.value_or(EditionGroups<ByName>::kNone), edition);
  if (known == group) return;
  if (known.has_value()) by_content_.Erase(content);
  by_content_.Insert(content_hash, group);
}

void BookTable::RemoveEdition(EditionId edition) {
  const ContentId& content = ContentOf(edition);
  uint32_t group = *by_content_.Find(content);
  by_content_.Erase(content);
  group = of_content_.Remove(group, edition);
  if (group != EditionGroups<ByName>::kNone) by_content_.Insert(absl::HashOf(content), group);

  const TitleId title_id = editions_[edition].title;
  Title& title = TitleAt(title_id);
  title.editions = of_title_.Remove(title.editions, edition);
  editions_.Remove(edition);
  if (title.editions == EditionGroups<ByContent>::kNone) RemoveTitle(title_id);
}

std::optional<EditionId> BookTable::FindEdition(absl::string_view name,
                                                const ContentId& content) const {
  const std::optional<TitleId> title = by_name_.Find(name);
  if (!title.has_value()) return std::nullopt;
  return of_title_.Find(TitleAt(*title).editions, content);
}

void BookTable::VisitName(absl::string_view name, const ContentId* after, Visit visit) const {
  const std::optional<TitleId> title = by_name_.Find(name);
  if (title.has_value()) of_title_.Visit(TitleAt(*title).editions, after, visit);
}

void BookTable::VisitContent(const ContentId& content, const absl::string_view* after,
                             Visit visit) const {
  const std::optional<uint32_t> group = by_content_.Find(content);
  if (group.has_value()) of_content_.Visit(*group, after, visit);
}

absl::string_view BookTable::TextOf(TitleId title) const { return ReadText(TitleAt(title).name); }

void BookTable::VisitTitle(TitleId title, Visit visit) const {
  of_title_.Visit<ContentId>(TitleAt(title).editions, nullptr, visit);
}

void BookTable::Prefetch(absl::Span<const TitleId> titles) const {
  for (const TitleId title : titles) __builtin_prefetch(&TitleAt(title));
  for (const TitleId title : titles) __builtin_prefetch(TitleAt(title).name);
}

// Few titles have several editions.
void BookTable::PrefetchEditions(absl::Span<const TitleId> titles) const {
  for (const TitleId title : titles) {
    const uint32_t editions = TitleAt(title).editions;
    if (of_title_.IsOne(editions)) PrefetchEdition(editions);
  }
}

void BookTable::PrefetchCopies(absl::Span<const TitleId> titles) const {
  PrefetchEditions(titles);
  for (const TitleId title : titles) {
    const uint32_t editions = TitleAt(title).editions;
    if (of_title_.IsOne(editions)) editions_[editions].copies.Prefetch();
  }
}

absl::Span<TitleId> BookTable::KeepByStanding(Standing worst, absl::Span<TitleId> titles) const {
  if (titles.empty()) return titles;
  const Standings& standings = standings_[WordsInId(titles[0])];
  if (worst <= Standings::Good()) {
    titles = KeepIf(titles, [&](TitleId title) { return standings.IsGood(PlaceOf(title)); });
  }
  // Most of the time would be spent waiting for memory, so all standings are fetched first.
  for (const TitleId title : titles) standings.Prefetch(PlaceOf(title));
  return KeepIf(titles, [&](TitleId title) { return standings[PlaceOf(title)] <= worst; });
}

size_t BookTable::title_count() const {
  size_t count = 0;
  for (const IdPool<Title>& titles : titles_) count += titles.size();
  return count;
}

size_t BookTable::bytes() const {
  constexpr size_t kBytesInTable = 7;  // an entry of an IdTable that is three quarters full
  return pool_.bytes_in_use() + words_.bytes() + popular_words_.bytes() +
         title_count() * (sizeof(Title) + sizeof(Standing) + kBytesInTable) +
         editions_.size() * (sizeof(Edition) + kBytesInTable);
}

}  // namespace arkshare
