// Every copy of every book, findable by name, by word and by content.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_BOOK_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_STORE_BOOK_TABLE_H_

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/content_id.h"
#include "services/index/store/bit_set.h"
#include "services/index/store/block_pool.h"
#include "services/index/store/book_keys.h"
#include "services/index/store/copies.h"
#include "services/index/store/edition_groups.h"
#include "services/index/store/id_pool.h"
#include "services/index/store/id_table.h"
#include "services/index/store/standing.h"
#include "services/index/store/word_table.h"

namespace arkshare {

// A title is a name, stored once for all its copies. The highest bits of its number are how many
// different words it has, so titles in order of their numbers are in order of length.
using TitleId = uint32_t;
// One content under one name.
using EditionId = uint32_t;

// Titles with this many words or more have numbers of the same length.
inline constexpr uint32_t kMostWordsInId = 15;
inline uint32_t WordsInId(TitleId title) { return title >> 27; }
// The first number that a title with this many words can have.
inline TitleId FirstTitleOf(uint32_t words) { return std::min(words, kMostWordsInId) << 27; }

// The place of a title among those with as many words.
inline uint32_t PlaceOf(TitleId title) { return title & (FirstTitleOf(1) - 1); }

// A title is popular when its number of copies has this many bits: 32 copies or more.
inline constexpr int kPopular = 6;

// The argument of BookTable::Add, whose caller owns the name, the content and their keys.
struct BookToAdd {
  absl::string_view name;
  const ContentId* content;
  const BookKeys* keys;
  bool by_words = true;  // false: no word leads to it
};

// Numbers of titles and editions are valid until the last copy is removed. Not thread-safe.
class BookTable {
 public:
  BookTable();
  BookTable(const BookTable&) = delete;
  BookTable& operator=(const BookTable&) = delete;

  // Fetches into the cache what Add reads, for all of them together.
  void Prefetch(absl::Span<const BookToAdd> books) const;
  // Adds a copy. The keys must stay until AddWords.
  EditionId Add(const BookToAdd& book, Copy copy);
  // Makes the words of all titles that were added since the last call lead to them.
  void AddWords();
  void Remove(EditionId edition, Copy copy);

  absl::string_view NameOf(EditionId edition) const { return TextOf(editions_[edition].title); }
  const ContentId& ContentOf(EditionId edition) const { return editions_[edition].content; }
  // When there are very many, some may be gone (Copy::gone).
  absl::Span<const Copy> CopiesOf(EditionId edition) const {
    return editions_[edition].copies.all();
  }

  std::optional<EditionId> FindEdition(absl::string_view name, const ContentId& content) const;
  // Visits, until `visit` returns false, the editions of a name after `after`, in order of content;
  // or those of a content, in order of name. Visits all of them when `after` is null.
  using Visit = absl::FunctionRef<bool(EditionId)>;
  void VisitName(absl::string_view name, const ContentId* after, Visit visit) const;
  void VisitContent(const ContentId& content, const absl::string_view* after, Visit visit) const;

  // The titles of each word: all of them, and the popular ones only.
  const WordTable& words() const { return words_; }
  const WordTable& popular_words() const { return popular_words_; }
  absl::string_view TextOf(TitleId title) const;
  void VisitTitle(TitleId title, Visit visit) const;
  // Fetches the names into the cache, all together instead of one after the other.
  void Prefetch(absl::Span<const TitleId> titles) const;
  // Fetches the copies as well. Requires that the names have been fetched.
  void PrefetchCopies(absl::Span<const TitleId> titles) const;
  // The standing of a title, in which scans compare it with others without reading the title. Each
  // of its editions has fewer than 2^-unpopularity copies.
  Standing StandingOf(TitleId title) const { return standings_[WordsInId(title)][PlaceOf(title)]; }

  // Moves the titles whose standing is `worst` or better to the front and returns them. Requires
  // that all have equally many words.
  absl::Span<TitleId> KeepByStanding(Standing worst, absl::Span<TitleId> titles) const;

  size_t title_count() const;
  size_t word_count() const { return words_.word_count(); }
  // Returns about how many bytes of memory all of this takes. Constant time.
  size_t bytes() const;

 private:
  struct Title {
    char* name = nullptr;
    uint32_t editions = EditionGroups<int>::kNone;
  };
  struct Edition {
    TitleId title = 0;
    Copies copies;
    ContentId content;
  };

  // The standings by place, close together, because a scan reads hundreds of thousands.
  class Standings {
   public:
    Standing operator[](uint32_t place) const { return *At(place); }
    void Prefetch(uint32_t place) const { __builtin_prefetch(At(place)); }
    void Set(uint32_t place, Standing standing) {
      while (place / kChunk >= chunks_.size()) {
        chunks_.push_back(std::make_unique<Standing[]>(kChunk));
      }
      chunks_[place / kChunk][place % kChunk] = standing;
      if (standing <= Good()) {
        good_.Insert(place);
      } else {
        good_.Erase(place);
      }
    }
    // The threshold that one in sixteen single-copy titles meets, and every title with more copies.
    // A bit for each title records it, so a scan of a very common word skips the others without
    // reading their standings.
    static constexpr Standing Good() { return {-1, uint32_t{1} << (kShuffleBits - 4)}; }
    bool IsGood(uint32_t place) const { return good_.Contains(place); }

   private:
    static constexpr uint32_t kChunk = 4096;

    const Standing* At(uint32_t place) const { return &chunks_[place / kChunk][place % kChunk]; }

    std::vector<std::unique_ptr<Standing[]>> chunks_;
    BitSet good_;
  };

  struct NameOfTitle {
    const BookTable* table;
    absl::string_view operator()(uint32_t title) const { return table->TextOf(title); }
    void PrefetchRecord(uint32_t title) const { __builtin_prefetch(&table->TitleAt(title)); }
    void PrefetchKey(uint32_t title) const { __builtin_prefetch(table->TitleAt(title).name); }
  };
  struct ContentOfGroup {
    const BookTable* table;
    const ContentId& operator()(uint32_t group) const;
    void PrefetchRecord(uint32_t group) const;
    void PrefetchKey(uint32_t /*group*/) const {}
  };
  struct ByContent {
    using is_transparent = void;
    const BookTable* table;
    bool operator()(EditionId a, EditionId b) const;
    bool operator()(EditionId a, const ContentId& b) const;
    bool operator()(const ContentId& a, EditionId b) const;
  };
  struct ByName {
    using is_transparent = void;
    const BookTable* table;
    bool operator()(EditionId a, EditionId b) const;
    bool operator()(EditionId a, absl::string_view b) const;
    bool operator()(absl::string_view a, EditionId b) const;
  };

  Title& TitleAt(TitleId title) { return titles_[WordsInId(title)][PlaceOf(title)]; }
  const Title& TitleAt(TitleId title) const { return const_cast<BookTable*>(this)->TitleAt(title); }
  TitleId AddTitle(const BookToAdd& book);
  void RemoveTitle(TitleId title);
  void AddEdition(EditionId edition, size_t content_hash);
  void PrefetchEdition(EditionId edition) const;
  void PrefetchEditions(absl::Span<const TitleId> titles) const;
  void RemoveEdition(EditionId edition);
  int PopularityOf(TitleId title) const { return -StandingOf(title).unpopularity(); }
  void SetPopularity(TitleId title, int popularity);

  BlockPool pool_;
  // By the number of words.
  std::array<IdPool<Title>, kMostWordsInId + 1> titles_;
  std::array<Standings, kMostWordsInId + 1> standings_;
  IdPool<Edition> editions_;
  EditionGroups<ByContent> of_title_;
  EditionGroups<ByName> of_content_;
  IdTable<absl::string_view, NameOfTitle> by_name_;
  IdTable<ContentId, ContentOfGroup> by_content_;
  WordTable words_;
  WordTable popular_words_;
  std::vector<WordOfTitle> new_words_;  // for AddWords
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_BOOK_TABLE_H_
