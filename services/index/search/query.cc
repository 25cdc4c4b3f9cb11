#include "services/index/search/query.h"

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "lib/core/errors.h"
#include "lib/core/search_words.h"
#include "lib/rpc/convert.h"
#include "services/index/store/book_table.h"

namespace arkshare {
namespace {

// More words than a search for a name needs; each one costs time.
constexpr size_t kMaxKeywords = 32;

absl::StatusOr<BookQuery> ParseName(const std::string& text) {
  if (text.empty()) return MakeError(Reason::kQueryEmpty, "give the name of a book");
  absl::StatusOr<BookName> name = BookName::Parse(text);
  if (!name.ok()) return MakeError(Reason::kInvalidName, name.status().message());
  return BookQuery(*std::move(name));
}

absl::StatusOr<BookQuery> ParseKeywords(const std::string& text) {
  Keywords keywords{QueryWords(text)};
  std::sort(keywords.words.begin(), keywords.words.end());
  keywords.words.erase(std::unique(keywords.words.begin(), keywords.words.end()),
                       keywords.words.end());
  if (keywords.words.empty()) {
    return MakeError(Reason::kQueryEmpty, "give at least one word of letters or digits");
  }
  if (keywords.words.size() > kMaxKeywords) {
    return MakeError(Reason::kInvalidField, absl::StrCat("give at most ", kMaxKeywords, " words"));
  }
  return BookQuery(std::move(keywords));
}

absl::StatusOr<BookQuery> ParseContent(const v1::ContentId& proto) {
  absl::StatusOr<ContentId> content = FromProto(proto);
  if (!content.ok()) return content.status();
  return BookQuery(*content);
}

}  // namespace

absl::StatusOr<BookQuery> BookQuery::Parse(const v1::SearchRequest& request) {
  switch (request.query_case()) {
    case v1::SearchRequest::kName:
      return ParseName(request.name());
    case v1::SearchRequest::kKeywords:
      return ParseKeywords(request.keywords());
    case v1::SearchRequest::kContent:
      return ParseContent(request.content());
    case v1::SearchRequest::QUERY_NOT_SET:
      break;
  }
  return MakeError(Reason::kQueryEmpty, "ask for a name, keywords or a content");
}

absl::StatusOr<std::optional<BookQuery>> BookQuery::Parse(const v1::WatchRequest& request) {
  absl::StatusOr<BookQuery> query = absl::UnknownError("");
  switch (request.query_case()) {
    case v1::WatchRequest::kName:
      query = ParseName(request.name());
      break;
    case v1::WatchRequest::kKeywords:
      query = ParseKeywords(request.keywords());
      break;
    case v1::WatchRequest::kContent:
      query = ParseContent(request.content());
      break;
    case v1::WatchRequest::QUERY_NOT_SET:
      return std::nullopt;
  }
  if (!query.ok()) return query.status();
  return *std::move(query);
}

bool BookQuery::Matches(const BookName& name, const ContentId& content,
                        absl::Span<const absl::string_view> folded_words) const {
  if (const auto* wanted = std::get_if<BookName>(&what_)) return *wanted == name;
  if (const auto* wanted = std::get_if<ContentId>(&what_)) return *wanted == content;
  return FitOf(std::get<Keywords>(what_), folded_words).has_value();
}

std::string BookQuery::Fingerprint() const {
  if (const auto* name = std::get_if<BookName>(&what_)) return absl::StrCat("n ", name->value());
  if (const auto* content = std::get_if<ContentId>(&what_)) {
    return absl::StrCat("c ", DigestBytes(content->root), content->size);
  }
  return absl::StrCat("k ", absl::StrJoin(std::get<Keywords>(what_).words, " "));
}

std::optional<Fit> FitOf(const Keywords& keywords,
                         absl::Span<const absl::string_view> folded_words) {
  Fit fit;
  for (const std::string& keyword : keywords.words) {
    if (absl::c_linear_search(folded_words, keyword)) continue;
    const bool begins = absl::c_any_of(
        folded_words, [&](absl::string_view word) { return absl::StartsWith(word, keyword); });
    if (!begins) return std::nullopt;
    ++fit.prefix_words;
  }
  const size_t words = std::min<size_t>(folded_words.size(), kMostWordsInId);
  fit.other_words = std::max(0, static_cast<int>(words) - static_cast<int>(keywords.words.size()));
  return fit;
}

}  // namespace arkshare
