// The words of a name, as the index finds it by them.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_
#define ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_

#include <absl/container/inlined_vector.h>
#include <absl/strings/string_view.h>

namespace arkshare {

// The words of FoldedText, each once; they point into it.
using Words = absl::InlinedVector<absl::string_view, 12>;
Words DistinctWords(absl::string_view folded);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_WORDS_H_
