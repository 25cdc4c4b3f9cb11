#include "services/index/store/book_keys.h"

#include <absl/hash/hash.h>

#include "lib/core/search_words.h"
#include "services/index/store/standing.h"
#include "services/index/store/words.h"

namespace arkshare {

BookKeys::BookKeys(const BookName& name, const ContentId& content)
    : name_hash_(absl::HashOf(absl::string_view(name.value()))),
      content_hash_(absl::HashOf(content)),
      shuffle_(ShuffleOf(name.value())),
      folded_(NameWords(name.value())) {
  for (const absl::string_view word : DistinctWords(folded_)) {
    words_.push_back({static_cast<uint32_t>(word.data() - folded_.data()),
                      static_cast<uint32_t>(word.size()), absl::HashOf(word)});
  }
}

}  // namespace arkshare
