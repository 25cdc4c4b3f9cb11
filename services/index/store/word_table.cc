#include "services/index/store/word_table.h"

#include <absl/container/inlined_vector.h>
#include <absl/strings/match.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "services/index/store/stored_text.h"

namespace arkshare {
namespace {

constexpr size_t kWordsAtOnce = 128;
constexpr size_t kWordsAhead = 16;

}  // namespace

WordTable::WordTable(BlockPool* pool)
    : pool_(pool), by_text_(TextOf{this}), in_order_(TextOrder{this}) {}

absl::string_view WordTable::TextOfWord(uint32_t word) const { return ReadText(words_[word].text); }

Postings WordTable::PostingsOf(const Word& word) const {
  if ((word.titles & kMany) == 0) return {nullptr, word.titles, 1};
  const PostingList& list = lists_[word.titles & ~kMany];
  return {&list, 0, list.size()};
}

WordTable::Sought::Sought(absl::string_view sought) : text(sought), first_bytes(0) {
  for (size_t i = 0; i < sizeof(first_bytes); ++i) {
    const auto byte = i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
    first_bytes = first_bytes << 8 | byte;
  }
}

void WordTable::Add(absl::Span<const WordOfTitle> words) {
  for (; !words.empty(); words.remove_prefix(std::min(kWordsAtOnce, words.size()))) {
    AddSome(words.first(std::min(kWordsAtOnce, words.size())));
  }
}

// In rounds over all words, so that the memory of one is fetched while that of another is used.
void WordTable::AddSome(absl::Span<const WordOfTitle> words) {
  for (const WordOfTitle& word : words) by_text_.Prefetch(word.hash);
  absl::InlinedVector<uint32_t, kWordsAtOnce> guesses;
  for (const WordOfTitle& word : words) {
    const std::optional<uint32_t> guess = by_text_.Guess(word.hash);
    if (!guess.has_value()) continue;
    guesses.push_back(*guess);
    __builtin_prefetch(&words_[*guess]);
  }
  for (const uint32_t guess : guesses) {
    const Word& word = words_[guess];
    __builtin_prefetch(word.text);
    if ((word.titles & kMany) != 0) __builtin_prefetch(&lists_[word.titles & ~kMany]);
  }
  struct Insertion {
    uint32_t list;
    uint32_t title;
    size_t place = 0;
  };
  absl::InlinedVector<Insertion, kWordsAtOnce> insertions;
  for (const auto& [text, title, hash] : words) {
    const std::optional<uint32_t> known = by_text_.Find(text, hash);
    if (!known.has_value()) {
      AddWord(text, hash, title);
      continue;
    }
    Word& word = words_[*known];
    if ((word.titles & kMany) == 0) {
      PostingList list;
      list.Insert(word.titles, *pool_);
      word.titles = kMany | lists_.Add(std::move(list));
    }
    insertions.push_back({word.titles & ~kMany, title});
    lists_[insertions.back().list].PrefetchPlaces();
  }
  for (auto& [list, title, place] : insertions) place = lists_[list].Prefetch(title);
  for (const auto& [list, title, place] : insertions) lists_[list].Insert(title, place, *pool_);
}

void WordTable::Remove(uint32_t title, absl::Span<const absl::string_view> words) {
  // In rounds, as in AddSome.
  absl::InlinedVector<uint32_t, kWordsAhead> ids;
  absl::InlinedVector<const PostingList*, kWordsAhead> lists;
  for (const absl::string_view text : words) {
    ids.push_back(*by_text_.Find(text));
    const uint32_t titles = words_[ids.back()].titles;
    if ((titles & kMany) == 0) continue;
    lists.push_back(&lists_[titles & ~kMany]);
    __builtin_prefetch(lists.back());
  }
  for (const PostingList* const list : lists) list->PrefetchPlaces();
  for (const PostingList* const list : lists) list->Prefetch(title);
  for (const uint32_t id : ids) {
    Word& word = words_[id];
    if ((word.titles & kMany) == 0) {
      RemoveWord(id);
      continue;
    }
    const uint32_t list_id = word.titles & ~kMany;
    PostingList& list = lists_[list_id];
    list.Erase(title, *pool_);
    if (list.size() > 1) continue;
    word.titles = PostingCursor(PostingsOf(word)).id();
    list.Clear(*pool_);
    lists_.Remove(list_id);
  }
}

void WordTable::AddWord(absl::string_view text, size_t hash, uint32_t title) {
  const uint32_t id = words_.Add({StoreText(text, *pool_), title});
  by_text_.Insert(hash, id);
  const Sought sought(text);
  in_order_.insert({static_cast<uint32_t>(sought.first_bytes >> 32),
                    static_cast<uint32_t>(sought.first_bytes), id});
}

void WordTable::RemoveWord(uint32_t id) {
  in_order_.erase(in_order_.find(Sought(TextOfWord(id))));
  by_text_.Erase(TextOfWord(id));
  FreeText(words_[id].text, *pool_);
  words_.Remove(id);
}

Postings WordTable::Find(absl::string_view word) const {
  const std::optional<uint32_t> id = by_text_.Find(word);
  return id.has_value() ? PostingsOf(words_[*id]) : Postings();
}

void WordTable::VisitPrefix(
    absl::string_view prefix, absl::string_view from,
    absl::FunctionRef<bool(absl::string_view, const Postings&)> visit) const {
  std::array<const Word*, kWordsAhead> words;
  auto place = in_order_.lower_bound(Sought(std::max(prefix, from)));
  // Fetches the memory of several words together, of more of them the longer the visit goes on.
  for (size_t ahead = 2; place != in_order_.end(); ahead = std::min(2 * ahead, kWordsAhead)) {
    size_t count = 0;
    for (; count < ahead && place != in_order_.end(); ++place) {
      words[count] = &words_[place->word];
      __builtin_prefetch(words[count++]);
    }
    const auto found = absl::MakeSpan(words).first(count);
    for (const Word* word : found) {
      __builtin_prefetch(word->text);
      if ((word->titles & kMany) != 0) __builtin_prefetch(&lists_[word->titles & ~kMany]);
    }
    for (const Word* word : found) {
      if ((word->titles & kMany) != 0) lists_[word->titles & ~kMany].PrefetchFirst();
    }
    for (const Word* word : found) {
      const absl::string_view text = ReadText(word->text);
      if (!absl::StartsWith(text, prefix) || !visit(text, PostingsOf(*word))) return;
    }
  }
}

}  // namespace arkshare
