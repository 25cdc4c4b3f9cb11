// The words by which the index finds a name.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_
#define ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_

#include <absl/container/inlined_vector.h>
#include <absl/strings/string_view.h>

namespace arkshare {

// The words of NameWords, each once. They point into the text.
using Words = absl::InlinedVector<absl::string_view, 12>;
Words DistinctWords(absl::string_view folded);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_
