// Every copy of every book, findable by name, by word and by content.
#ifndef ARKSHARE_SERVICES_INDEX_BOOK_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_BOOK_TABLE_H_

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "services/index/sharded_map.h"

namespace arkshare {

class Shelf;
struct Title;

// A peer's listing of an edition.
struct Copy {
  Shelf* shelf;
  uint64_t number;
};

// One content under one name, and who has it.
struct Edition {
  Title* title;
  ContentId content;
  absl::InlinedVector<Copy, 1> copies;
};

struct EditionByContent {
  using is_transparent = void;
  bool operator()(const Edition* a, const Edition* b) const { return a->content < b->content; }
  bool operator()(const Edition* a, const ContentId& b) const { return a->content < b; }
  bool operator()(const ContentId& a, const Edition* b) const { return a < b->content; }
};

struct EditionByName {
  using is_transparent = void;
  bool operator()(const Edition* a, const Edition* b) const;
  bool operator()(const Edition* a, absl::string_view b) const;
  bool operator()(absl::string_view a, const Edition* b) const;
};

// A name, stored once however many have it.
struct Title {
  Title(BookName title_name, uint32_t title_id) : name(std::move(title_name)), id(title_id) {}

  BookName name;
  uint32_t id;
  absl::InlinedVector<absl::string_view, 4> words;  // folded, without repetition
  absl::btree_set<Edition*, EditionByContent> editions;
};

// Not thread-safe. Pointers to titles and editions hold until the last copy is removed.
class BookTable {
 public:
  BookTable();
  ~BookTable();

  // `words` are FoldedWords(name).
  Edition* Add(const BookName& name, absl::Span<const std::string> words, const ContentId& content,
               Copy copy);
  void Remove(Edition* edition, Copy copy);

  // Null when there is none.
  const Title* FindTitle(absl::string_view name) const;
  // All editions with this content, in order of name; null when there is none.
  const absl::btree_set<Edition*, EditionByName>* FindContent(const ContentId& content) const;

  // Where a scan goes on; a new one begins at the beginning.
  struct ScanPosition {
    std::string word;
    uint32_t next_title = 0;
    bool done = false;
  };
  // Visits titles with a word that begins with `prefix`, at most `most` of them, a title once for
  // each such word. The table may change between two calls.
  void ScanPrefix(absl::string_view prefix, size_t most, ScanPosition& position,
                  absl::FunctionRef<void(const Title&)> visit) const;
  // How many visits a scan makes; stops counting beyond `enough`.
  size_t EstimatePrefix(absl::string_view prefix, size_t enough) const;

  size_t title_count() const { return titles_.size(); }
  size_t word_count() const { return words_.size(); }

 private:
  struct Word {
    std::string text;
    absl::btree_set<uint32_t> titles;  // ids
  };

  Title* AddTitle(const BookName& name, absl::Span<const std::string> words);
  void RemoveTitle(Title* title);

  // A word's place in order. The first eight bytes stand in the key itself, so that most
  // comparisons need not look at the text.
  struct WordKey {
    explicit WordKey(absl::string_view word);
    bool operator<(const WordKey& other) const {
      return head != other.head ? head < other.head : text < other.text;
    }

    uint64_t head = 0;
    absl::string_view text;
  };

  // Keys point into the values.
  ShardedMap<absl::string_view, std::unique_ptr<Title>> titles_;
  std::vector<Title*> titles_by_id_;  // null where the id is free
  std::vector<uint32_t> free_ids_;
  absl::btree_map<WordKey, std::unique_ptr<Word>> words_;
  ShardedMap<ContentId, absl::btree_set<Edition*, EditionByName>> contents_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_BOOK_TABLE_H_
