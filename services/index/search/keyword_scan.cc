#include "services/index/search/keyword_scan.h"

#include <absl/algorithm/container.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

// Effort is counted in numbers of posting lists. What finding the list of a word costs, and reading
// a title.
constexpr size_t kWordEffort = 40;
constexpr size_t kFitEffort = 20;
// And what looking for a title in another list does.
constexpr size_t kSeekEffort = 10;
// Keywords that lead to more than that count as equally common.
constexpr size_t kMuchEffort = 100'000;
// Names that do not fit, after which it is worth while to know which ones cannot.
constexpr size_t kManyMisfits = 2'000;
// Titles that are looked at together.
constexpr size_t kAtOnce = 64;
constexpr int kMostPopular = std::numeric_limits<int>::min();

// False when some keyword begins no word: cheaper than FitOf.
bool EachBeginsAWord(const Keywords& keywords, absl::string_view folded) {
  return absl::c_all_of(keywords.words, [&](absl::string_view keyword) {
    for (size_t at = folded.find(keyword); at != absl::string_view::npos;
         at = folded.find(keyword, at + 1)) {
      if (at == 0 || folded[at - 1] == ' ') return true;
    }
    return false;
  });
}

// What going through the titles of all words costs that the keyword begins, when it is less than
// `bound`.
std::optional<size_t> EffortFor(const WordTable& words, absl::string_view keyword, size_t bound) {
  size_t effort = 0;
  words.VisitPrefix(keyword, "", [&](absl::string_view, const Postings& postings) {
    effort += kWordEffort + postings.size;
    return effort < bound;
  });
  if (effort >= bound) return std::nullopt;
  return effort;
}

// The first number of a title with more words than this one; larger than all when it has too many.
TitleId EndOfLength(TitleId title) {
  return WordsInId(title) == kMostWordsInId ? std::numeric_limits<TitleId>::max()
                                            : FirstTitleOf(WordsInId(title) + 1);
}

// Whether `name` may have words that each keyword begins: FoldedText takes several times as long as
// the look at it, and most names that are looked at do not fit.
class QuickLook {
 public:
  explicit QuickLook(const Keywords& keywords) : keywords_(keywords) {}

  bool MayFit(absl::string_view name) {
    if (name.size() > text_.size()) return true;
    bool ascii = true;
    for (size_t i = 0; i < name.size(); ++i) {
      const auto byte = static_cast<unsigned char>(name[i]);
      const auto letter = static_cast<unsigned char>(byte | 0x20);
      const bool kept = (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9');
      text_[i] = kept ? static_cast<char>(letter) : ' ';
      ascii = ascii && byte < 0x80;
    }
    return !ascii || EachBeginsAWord(keywords_, {text_.data(), name.size()});
  }

 private:
  const Keywords& keywords_;
  std::array<char, 256> text_;
};

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

// Gathers titles that may be among the best, so that their names are fetched together: waiting for
// memory is most of what a scan does.
class KeywordScan::Batch {
 public:
  // Judge(title, fit) is called for those that may still be when the names are there.
  using Judge = absl::FunctionRef<void(TitleId, const Fit&)>;
  // `fit`: the titles do, so that who has them will be asked.
  Batch(const BookTable& books, const BestKeys& best, bool fit, Judge judge)
      : books_(books), best_(best), all_fit_(fit), judge_(judge) {}

  // Of the titles from now on, the best fit that they can have.
  void SetFit(const Fit& fit) {
    if (fit == fit_) return;
    fit_ = fit;
    SetWorst();
  }
  // Most titles cannot: this is what a scan does most of all.
  absl::Span<const TitleId> Pick(absl::Span<TitleId> titles) const {
    if (!worst_) return {};
    if (*worst_ == Standing::Worst()) return titles;
    return titles.first(books_.PickByStanding(*worst_, titles));
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
  Fit fit_ = {-1, -1};  // none
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

// Shorter titles came on earlier pages.
TitleId KeywordScan::FirstTitle() const {
  if (!after_.has_value() || after_->fit.prefix_words > 0 || after_->fit.other_words <= 0) return 0;
  return FirstTitleOf(static_cast<uint32_t>(after_->fit.other_words) +
                      static_cast<uint32_t>(keywords_.words.size()));
}

bool KeywordScan::Step(const BookTable& books, const BestKeys& best, size_t effort, Offer offer) {
  Effort left(effort);
  while (stage_ != Stage::kDone) {
    const bool whole = stage_ <= Stage::kWhole;
    // Any title that is only begun fits worse than all whole ones.
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

  const auto judge = [&](TitleId title, Fit fit) {
    if (WordsInId(title) == kMostWordsInId) {
      fit = FitWith(DistinctWords(FoldedText(books.TextOf(title))).size(), 0);
    }
    effort.Spend(offer(title, fit));
  };
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
    for (const TitleId title : batch.Pick(absl::MakeSpan(titles).first(count))) {
      if (has_all(title)) batch.Add(title);
    }
  }
  batch.Flush();
  next_ = rarest.id();
  return effort.spent() && !rarest.done();
}

// The rarest keyword leads; of several very common ones, the longest. Long ones are seldom common,
// so they are counted first, and the others only as far as those.
void KeywordScan::ChooseLeader(const BookTable& books) {
  std::vector<absl::string_view> keywords(keywords_.words.begin(), keywords_.words.end());
  absl::c_stable_sort(keywords, [](auto a, auto b) { return a.size() > b.size(); });
  leader_ = std::string(keywords.front());
  if (keywords.size() == 1) return;
  size_t least = kMuchEffort;
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
    // With one keyword, those that have it as a whole word were found before.
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
    for (const TitleId title : titles) filter_titles_.Add(title);
    return true;
  };
  const bool more = VisitTitles(books.words(), filter_, filter_place_, effort, add);
  filter_effort_ -= std::min(filter_effort_, before - effort.left());
  if (more && filter_effort_ > 0) return true;
  // When it is not complete by now, to read the names takes less.
  filter_state_ = more ? Filter::kUnused : Filter::kReady;
  return false;
}

bool KeywordScan::StepBegun(const BookTable& books, const BestKeys& best, Effort& effort,
                            Offer offer) {
  if (filter_state_ == Filter::kIncomplete && StepFilter(books, effort)) return true;
  QuickLook look(keywords_);
  const auto judge = [&](TitleId title, const Fit& /*at_best*/) {
    effort.Spend(kFitEffort);
    const absl::string_view name = books.TextOf(title);
    if (look.MayFit(name)) {
      const std::string folded = FoldedText(name);
      const std::optional<Fit> fit = FitOf(keywords_, DistinctWords(folded));
      if (fit.has_value()) return effort.Spend(offer(title, *fit));
    }
    if (++misfits_ != kManyMisfits || filter_.empty()) return;
    filter_state_ = Filter::kIncomplete;
    effort.Spend(effort.left());  // the next step begins with it
  };
  Batch batch(books, best, /*fit=*/false, judge);
  const auto visit = [&](absl::Span<TitleId> titles) {
    const Fit at_best = FitWith(WordsInId(titles[0]), 1);
    batch.SetFit(at_best);
    if (best.Excludes(at_best, BestUnpopularity())) return false;
    if (filter_state_ == Filter::kReady) titles = titles.first(filter_titles_.Pick(titles));
    for (const TitleId title : batch.Pick(titles)) batch.Add(title);
    return true;
  };
  const bool more = VisitTitles(WordsOf(books), leader_, begun_, effort, visit);
  batch.Flush();
  return more;
}

}  // namespace arkshare
