#include "services/index/search/keyword_scan.h"

#include <absl/algorithm/container.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/search_words.h"
#include "services/index/search/pre_filter.h"

namespace arkshare {
namespace {

// Effort is counted in numbers of a posting list that are visited. Finding the list of a word and
// reading a title cost this much:
constexpr size_t kWordEffort = 40;
constexpr size_t kFitEffort = 20;
// Each byte of a name costs this much more: when the name is read, and when it is folded.
constexpr size_t kBytesReadForOne = 4;
constexpr size_t kFoldEffort = 4;
// Looking up a title in another list costs this much:
constexpr size_t kSeekEffort = 10;
// Keywords that cost more than this count as equally common.
constexpr size_t kMuchEffort = 100'000;
// Up to this many keywords are counted so far, more of them less.
constexpr size_t kFewKeywords = 4;
// Names that fail to match before the filter is worth its cost.
constexpr size_t kManyMisfits = 2'000;
// Titles that are read from a posting list together.
constexpr size_t kAtOnce = 64;
constexpr int kMostPopular = std::numeric_limits<int>::min();

// Returns the effort of visiting the titles of all words that begin with the keyword; nullopt when
// it is `bound` or more.
std::optional<size_t> EffortFor(const WordTable& words, absl::string_view keyword, size_t bound) {
  size_t effort = 0;
  words.VisitPrefix(keyword, "", [&](absl::string_view, const Postings& postings) {
    effort += kWordEffort + postings.size;
    return effort < bound;
  });
  if (effort >= bound) return std::nullopt;
  return effort;
}

// Returns the first number of a title with more words than this one, or the largest number when
// such titles have no numbers of their own.
TitleId EndOfLength(TitleId title) {
  return WordsInId(title) == kMostWordsInId ? std::numeric_limits<TitleId>::max()
                                            : FirstTitleOf(WordsInId(title) + 1);
}

}  // namespace

class KeywordScan::Effort {
 public:
  explicit Effort(size_t effort) : left_(effort) {}
  size_t left() const { return left_; }
  bool spent() const { return left_ == 0; }
  void Spend(size_t effort) { left_ -= std::min(left_, effort); }

 private:
  size_t left_;
};

// Collects titles that may be among the best, so that their names are fetched together. A scan
// spends most of its time waiting for memory.
class KeywordScan::Batch {
 public:
  // judge(title, fit) is called for titles that may still be among the best once their names have
  // been fetched.
  using Judge = absl::FunctionRef<void(TitleId, const Fit&)>;
  // `fit`: all titles match, so their copies will be read as well.
  Batch(const BookTable& books, const BestKeys& best, bool fit, Judge judge)
      : books_(books), best_(best), all_fit_(fit), judge_(judge) {}

  // Sets the best fit that the next titles can have.
  void SetFit(const Fit& fit) {
    if (fit == fit_) return;
    fit_ = fit;
    SetWorst();
  }
  // Keeps the titles that can be among the best. A scan does this more often than anything else.
  absl::Span<const TitleId> Keep(absl::Span<TitleId> titles) const {
    if (!worst_) return {};
    if (*worst_ == Standing::Worst()) return titles;
    return books_.KeepByStanding(*worst_, titles);
  }
  void Add(TitleId title) {
    titles_[count_] = title;
    fits_[count_] = fit_;
    if (++count_ == titles_.size()) Flush();
  }
  void Flush() {
    const absl::Span<const TitleId> titles(titles_.data(), count_);
    books_.Prefetch(titles);
    if (all_fit_) books_.PrefetchCopies(titles);
    for (size_t i = 0; i < count_; ++i) {
      const TitleId title = titles_[i];
      const std::optional<Standing> worst = best_.WorstStanding(fits_[i]);
      if (worst && books_.StandingOf(title) <= *worst) judge_(title, fits_[i]);
    }
    count_ = 0;
    SetWorst();
  }

 private:
  void SetWorst() { worst_ = best_.WorstStanding(fit_); }

  const BookTable& books_;
  const BestKeys& best_;
  const bool all_fit_;
  const Judge judge_;
  Fit fit_ = {-1, -1};  // not set
  std::optional<Standing> worst_;
  std::array<TitleId, 32> titles_;
  std::array<Fit, 32> fits_;
  size_t count_ = 0;
};

KeywordScan::KeywordScan(const Keywords& keywords, const std::optional<SearchKey>& after)
    : keywords_(keywords), after_(after) {
  if (after.has_value() && after->fit.prefix_words > 0) stage_ = Stage::kPopularBegun;
  next_ = FirstTitle();
}

// Earlier pages had the shorter titles.
TitleId KeywordScan::FirstTitle() const {
  if (!after_.has_value() || after_->fit.prefix_words > 0 || after_->fit.other_words <= 0) return 0;
  return FirstTitleOf(static_cast<uint32_t>(after_->fit.other_words) +
                      static_cast<uint32_t>(keywords_.words.size()));
}

bool KeywordScan::Step(const BookTable& books, const BestKeys& best, size_t effort, Offer offer) {
  Effort left(effort);
  while (stage_ != Stage::kDone) {
    const bool whole = stage_ <= Stage::kWhole;
    // A title with a word that a keyword only begins fits worse than any with whole words.
    if (!whole && best.Excludes({1, 0}, kMostPopular)) return false;
    if (!whole && leader_.empty()) ChooseLeader(books);
    if (whole ? StepWhole(books, best, left, offer) : StepBegun(books, best, left, offer)) {
      return true;
    }
    stage_ = static_cast<Stage>(static_cast<int>(stage_) + 1);
    next_ = stage_ == Stage::kWhole ? FirstTitle() : 0;
    begun_ = {};
  }
  return false;
}

const WordTable& KeywordScan::WordsOf(const BookTable& books) const {
  const bool popular = stage_ == Stage::kPopularWhole || stage_ == Stage::kPopularBegun;
  return popular ? books.popular_words() : books.words();
}

int KeywordScan::BestUnpopularity() const {
  const bool popular = stage_ == Stage::kPopularWhole || stage_ == Stage::kPopularBegun;
  return popular ? kMostPopular : 1 - static_cast<int>(kPopular);
}

Fit KeywordScan::FitWith(size_t words, int begun) const {
  const size_t keywords = keywords_.words.size();
  return {begun, words > keywords ? static_cast<int>(words - keywords) : 0};
}

bool KeywordScan::StepWhole(const BookTable& books, const BestKeys& best, Effort& effort,
                            Offer offer) {
  std::vector<Postings> postings;
  for (const std::string& word : keywords_.words) postings.push_back(WordsOf(books).Find(word));
  absl::c_sort(postings, [](const Postings& a, const Postings& b) { return a.size < b.size; });
  std::vector<PostingCursor> cursors(postings.begin(), postings.end());

  const auto judge = [&](TitleId title, const Fit& fit) { effort.Spend(offer(title, fit)); };
  Batch batch(books, best, /*fit=*/true, judge);
  PostingCursor& rarest = cursors.front();
  const absl::Span<PostingCursor> others = absl::MakeSpan(cursors).subspan(1);
  const auto has_all = [&](TitleId title) {
    return absl::c_all_of(others, [&](PostingCursor& other) {
      effort.Spend(kSeekEffort);
      other.Seek(title);
      return !other.done() && other.id() == title;
    });
  };
  std::array<TitleId, kAtOnce> titles;
  rarest.Seek(next_);
  while (!rarest.done() && !effort.spent()) {
    const Fit fit = FitWith(WordsInId(rarest.id()), 0);
    batch.SetFit(fit);
    if (best.Excludes(fit, BestUnpopularity())) break;
    const size_t count = rarest.Read(EndOfLength(rarest.id()), absl::MakeSpan(titles));
    effort.Spend(count);
    for (const TitleId title : batch.Keep(absl::MakeSpan(titles).first(count))) {
      if (has_all(title)) batch.Add(title);
    }
  }
  batch.Flush();
  next_ = rarest.id();
  return effort.spent() && !rarest.done();
}

// The rarest keyword leads, or the longest of several very common ones. Long keywords are seldom
// common, so they are counted first; the count of the others stops when it is larger.
void KeywordScan::ChooseLeader(const BookTable& books) {
  std::vector<absl::string_view> keywords(keywords_.words.begin(), keywords_.words.end());
  absl::c_stable_sort(keywords, [](auto a, auto b) { return a.size() > b.size(); });
  leader_ = std::string(keywords.front());
  if (keywords.size() == 1) return;
  // Many keywords are not counted as far, because all of them are counted in one step.
  size_t least = kMuchEffort / std::max<size_t>(1, keywords.size() / kFewKeywords);
  for (const absl::string_view keyword : keywords) {
    const std::optional<size_t> effort = EffortFor(books.words(), keyword, least);
    if (!effort.has_value()) continue;
    least = *effort;
    leader_ = std::string(keyword);
  }
  filter_ = std::string(keywords[leader_ == keywords.front() ? 1 : 0]);
  filter_effort_ = least * kFitEffort;
}

template <typename Visit>
bool KeywordScan::VisitTitles(const WordTable& words, absl::string_view keyword, Place& place,
                              Effort& effort, Visit visit) {
  bool more = false;
  words.VisitPrefix(keyword, place.word, [&](absl::string_view word, const Postings& postings) {
    // With one keyword, the titles that have it as a whole word were found before.
    if (keywords_.words.size() == 1 && word == keyword) return true;
    effort.Spend(kWordEffort);
    PostingCursor cursor(postings);
    if (word == place.word) cursor.Seek(place.title);
    std::array<TitleId, kAtOnce> titles;
    while (!cursor.done()) {
      if (effort.spent()) {
        place = {std::string(word), cursor.id()};
        more = true;
        return false;
      }
      const size_t count = cursor.Read(EndOfLength(cursor.id()), absl::MakeSpan(titles));
      effort.Spend(count);
      if (!visit(absl::MakeSpan(titles).first(count))) break;
    }
    return true;
  });
  return more;
}

bool KeywordScan::StepFilter(const BookTable& books, Effort& effort) {
  const size_t before = effort.left();
  const auto add = [&](absl::Span<TitleId> titles) {
    BitSet& set = filter_titles_[WordsInId(titles[0])];
    for (const TitleId title : titles) set.Insert(PlaceOf(title));
    return true;
  };
  const bool more = VisitTitles(books.words(), filter_, filter_place_, effort, add);
  filter_effort_ -= std::min(filter_effort_, before - effort.left());
  if (more && filter_effort_ > 0) return true;
  // A filter that is not complete by now costs more than reading the names.
  filter_state_ = more ? Filter::kUnused : Filter::kReady;
  return false;
}

bool KeywordScan::StepBegun(const BookTable& books, const BestKeys& best, Effort& effort,
                            Offer offer) {
  if (filter_state_ == Filter::kIncomplete && StepFilter(books, effort)) return true;
  PreFilter filter(keywords_);
  const bool one_keyword = keywords_.words.size() == 1;
  const Postings whole = one_keyword ? books.words().Find(leader_) : Postings();
  const auto judge = [&](TitleId title, const Fit& at_best) {
    effort.Spend(kFitEffort);
    if (one_keyword) {
      // It begins a word, and no name need be read. Titles that have it as a whole word, too, were
      // found before.
      PostingCursor cursor(whole);
      cursor.Seek(title);
      if (cursor.done() || cursor.id() != title) effort.Spend(offer(title, at_best));
      return;
    }
    const absl::string_view name = books.TextOf(title);
    effort.Spend(name.size() / kBytesReadForOne);
    if (filter.MayMatch(name)) {
      effort.Spend(name.size() * kFoldEffort);
      const std::string folded = NameWords(name);
      const std::optional<Fit> fit = FitOf(keywords_, DistinctWords(folded));
      if (fit.has_value()) return effort.Spend(offer(title, *fit));
    }
    if (++misfits_ != kManyMisfits || filter_.empty()) return;
    filter_state_ = Filter::kIncomplete;
    effort.Spend(effort.left());  // the next step begins with the filter
  };
  Batch batch(books, best, /*fit=*/false, judge);
  const auto visit = [&](absl::Span<TitleId> titles) {
    const Fit at_best = FitWith(WordsInId(titles[0]), 1);
    batch.SetFit(at_best);
    if (best.Excludes(at_best, BestUnpopularity())) return false;
    if (filter_state_ == Filter::kReady) {
      const BitSet& set = filter_titles_[WordsInId(titles[0])];
      titles = KeepIf(titles, [&](TitleId title) { return set.Contains(PlaceOf(title)); });
    }
    for (const TitleId title : batch.Keep(titles)) batch.Add(title);
    return true;
  };
  const bool more = VisitTitles(WordsOf(books), leader_, begun_, effort, visit);
  batch.Flush();
  return more;
}

}  // namespace arkshare
