// The words by which a search finds a name.
#ifndef ARKSHARE_LIB_CORE_SEARCH_WORDS_H_
#define ARKSHARE_LIB_CORE_SEARCH_WORDS_H_

#include <absl/strings/string_view.h>

#include <string>
#include <vector>

namespace arkshare {

// Returns the words of a name with a space between them: those of FoldedText, and more by which
// people look for the name.
// - Of a word with apostrophes, also the word without them: "Don't" has "don", "t" and "dont".
// - Of two words with a hyphen between them, also both together: "Wu-Tang" has "wutang" too.
// - Of a word that is several, also the later ones: "HarryPotter" has "potter", "S01E02" has "e02".
// - In place of a word in a script without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese),
//   each two characters of it that follow each other, and its last character: such a word contains
//   no boundaries, so each of its characters may begin what people look for.
std::string NameWords(absl::string_view name);

// Returns false when NameWords(name) is FoldedText(name). Takes much less time than either. True
// may be wrong.
bool MayHaveMoreWords(absl::string_view name);

// Returns the words that a name must have to answer a query. Each may be the beginning of a word of
// NameWords. A long word in a script without spaces is cut, so that it counts as a few words.
std::vector<std::string> QueryWords(absl::string_view query);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_SEARCH_WORDS_H_
