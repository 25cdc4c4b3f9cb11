// The keys by which a book is found: its name, its words and its content, ready to be looked up.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_BOOK_KEYS_H_
#define ARKSHARE_SERVICES_INDEX_STORE_BOOK_KEYS_H_

#include <absl/container/inlined_vector.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"

namespace arkshare {

// Folding a name and hashing its words takes longer than most of what the index does with them, so
// the thread that reads a peer's statement does it, where no lock is held.
class BookKeys {
 public:
  BookKeys() = default;  // of no book
  BookKeys(const BookName& name, const ContentId& content);

  // absl::HashOf.
  size_t name_hash() const { return name_hash_; }
  size_t content_hash() const { return content_hash_; }
  // ShuffleOf the name.
  uint32_t shuffle() const { return shuffle_; }

  // The different words of the name, folded.
  size_t word_count() const { return words_.size(); }
  absl::string_view word(size_t i) const {
    return absl::string_view(folded_).substr(words_[i].begin, words_[i].size);
  }
  size_t word_hash(size_t i) const { return words_[i].hash; }

 private:
  struct Word {
    uint32_t begin;
    uint32_t size;
    size_t hash;
  };

  size_t name_hash_ = 0;
  size_t content_hash_ = 0;
  uint32_t shuffle_ = 0;
  std::string folded_;
  absl::InlinedVector<Word, 6> words_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_BOOK_KEYS_H_
