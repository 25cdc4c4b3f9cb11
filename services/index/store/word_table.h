// The titles of each word.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_WORD_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_STORE_WORD_TABLE_H_

#include <absl/container/btree_set.h>
#include <absl/functional/function_ref.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>

#include "services/index/store/block_pool.h"
#include "services/index/store/id_pool.h"
#include "services/index/store/id_table.h"
#include "services/index/store/posting_list.h"

namespace arkshare {

// States that a title has a word.
struct WordOfTitle {
  WordOfTitle(absl::string_view its_word, uint32_t its_title)
      : WordOfTitle(its_word, its_title, absl::HashOf(its_word)) {}
  // `its_hash` is absl::HashOf(its_word).
  WordOfTitle(absl::string_view its_word, uint32_t its_title, size_t its_hash)
      : word(its_word), title(its_title), hash(its_hash) {}

  absl::string_view word;
  uint32_t title;
  size_t hash;
};

// Words are folded; titles are numbers below 2^31. Not thread-safe.
class WordTable {
 public:
  // `pool` must outlive this.
  explicit WordTable(BlockPool* pool);
  WordTable(const WordTable&) = delete;
  WordTable& operator=(const WordTable&) = delete;

  // Requires each word of a title only once. Most of the cost is waiting for memory, so the more
  // words are added together, the less each one costs.
  void Add(absl::Span<const WordOfTitle> words);
  void Remove(uint32_t title, absl::Span<const absl::string_view> words);

  // Returns the titles that have exactly this word.
  Postings Find(absl::string_view word) const;
  // Visits the words from `from` on that begin with `prefix`, in order, until `visit` returns
  // false.
  void VisitPrefix(absl::string_view prefix, absl::string_view from,
                   absl::FunctionRef<bool(absl::string_view, const Postings&)> visit) const;

  size_t word_count() const { return words_.size(); }
  // Returns about how much memory is in use outside the pool.
  size_t bytes() const { return words_.size() * kBytesOfWord + lists_.size() * kBytesOfList; }

 private:
  struct Word {
    char* text = nullptr;  // see StoreText
    uint32_t titles = 0;   // the only title, or kMany | the number of a list in lists_
  };
  static constexpr uint32_t kMany = uint32_t{1} << 31;
  // The record, and the entries of both orders in tables that are three quarters full.
  static constexpr size_t kBytesOfWord = sizeof(Word) + (3 * sizeof(uint32_t) + 5) * 4 / 3;
  static constexpr size_t kBytesOfList = sizeof(PostingList) + 32;  // with a short directory

  struct TextOf {
    const WordTable* table;
    absl::string_view operator()(uint32_t word) const { return table->TextOfWord(word); }
    void PrefetchRecord(uint32_t word) const { __builtin_prefetch(&table->words_[word]); }
    void PrefetchKey(uint32_t word) const { __builtin_prefetch(table->words_[word].text); }
  };
  // An entry in order of the words. Most words differ in their first eight bytes, so the rest is
  // seldom read.
  struct Ordered {
    uint32_t first_bytes;
    uint32_t next_bytes;
    uint32_t word;
  };
  struct Sought {
    explicit Sought(absl::string_view sought);
    absl::string_view text;
    uint64_t first_bytes;
  };
  struct TextOrder {
    using is_transparent = void;
    const WordTable* table;
    static uint64_t FirstBytes(const Ordered& a) {
      return uint64_t{a.first_bytes} << 32 | a.next_bytes;
    }
    absl::string_view TextOf(const Ordered& a) const { return table->TextOfWord(a.word); }
    bool operator()(const Ordered& a, const Ordered& b) const {
      const uint64_t first = FirstBytes(a);
      const uint64_t second = FirstBytes(b);
      return first != second ? first < second : TextOf(a) < TextOf(b);
    }
    bool operator()(const Ordered& a, const Sought& b) const {
      const uint64_t first = FirstBytes(a);
      return first != b.first_bytes ? first < b.first_bytes : TextOf(a) < b.text;
    }
    bool operator()(const Sought& a, const Ordered& b) const {
      const uint64_t second = FirstBytes(b);
      return a.first_bytes != second ? a.first_bytes < second : a.text < TextOf(b);
    }
  };

  absl::string_view TextOfWord(uint32_t word) const;
  Postings PostingsOf(const Word& word) const;
  void AddSome(absl::Span<const WordOfTitle> words);
  void AddWord(absl::string_view text, size_t hash, uint32_t title);
  void RemoveWord(uint32_t id);

  BlockPool* const pool_;
  IdPool<Word> words_;
  IdPool<PostingList> lists_;
  IdTable<absl::string_view, TextOf> by_text_;
  absl::btree_set<Ordered, TextOrder> in_order_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_WORD_TABLE_H_
