// The query of a Search or a Watch.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_QUERY_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_QUERY_H_

#include <absl/container/inlined_vector.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "services/index/store/words.h"

namespace arkshare {

// Words from QueryWords, each of which must be a prefix of some word of NameWords. Never empty.
struct Keywords {
  std::vector<std::string> words;
};

// How well a name answers keywords. Smaller is better.
struct Fit {
  int prefix_words = 0;  // words of the query that only begin a word of the name
  // Words of the name beyond those of the query. Names with kMostWordsInId words or more count as
  // equally long, so that a search need not read them.
  int other_words = 0;

  auto operator<=>(const Fit&) const = default;
};

class BookQuery {
 public:
  explicit BookQuery(BookName name) : what_(std::move(name)) {}
  explicit BookQuery(Keywords keywords) : what_(std::move(keywords)) {}
  explicit BookQuery(ContentId content) : what_(content) {}

  // INVALID_NAME, INVALID_FIELD, or QUERY_EMPTY when the request has no query.
  static absl::StatusOr<BookQuery> Parse(const v1::SearchRequest& request);
  // Returns nullopt when the request has no query: everything matches.
  static absl::StatusOr<std::optional<BookQuery>> Parse(const v1::WatchRequest& request);

  const std::variant<BookName, Keywords, ContentId>& what() const { return what_; }
  // Requires that `folded_words` are those of `name`.
  bool Matches(const BookName& name, const ContentId& content,
               absl::Span<const absl::string_view> folded_words) const;
  bool NeedsWords() const { return std::holds_alternative<Keywords>(what_); }
  // Returns the same text for the same query.
  std::string Fingerprint() const;

 private:
  std::variant<BookName, Keywords, ContentId> what_;
};

// Returns nullopt when a keyword is a prefix of none of the words.
std::optional<Fit> FitOf(const Keywords& keywords,
                         absl::Span<const absl::string_view> folded_words);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_QUERY_H_
