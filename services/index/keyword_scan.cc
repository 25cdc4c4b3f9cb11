#include "services/index/keyword_scan.h"

#include <absl/algorithm/container.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

// Words and titles beyond which keywords count as equally common.
constexpr size_t kMostWordsCounted = 1'000;
constexpr size_t kManyTitles = 100'000;
// What looking at the words of a title costs, in visits of a posting list.
constexpr size_t kFitEffort = 20;
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
  Batch(const BookTable& books, const BestKeys& best, Judge judge)
      : books_(books), best_(best), judge_(judge) {}

  // `fit` is the best that the title can have.
  void Add(TitleId title, const Fit& fit) {
    if (Excluded(title, fit)) return;
    titles_[count_] = title;
    fits_[count_] = fit;
    if (++count_ == titles_.size()) Flush();
  }
  void Flush() {
    books_.Prefetch(absl::MakeSpan(titles_.data(), count_));
    for (size_t i = 0; i < count_; ++i) {
      const TitleId title = titles_[i];
      if (Excluded(title, fits_[i])) continue;
      judge_(title, fits_[i]);
    }
    count_ = 0;
  }

 private:
  bool Excluded(TitleId title, const Fit& fit) const {
    const BookTable::Rank rank = books_.RankOf(title);
    return best_.Excludes(fit, -static_cast<int>(rank.popularity), rank.shuffle);
  }

  const BookTable& books_;
  const BestKeys& best_;
  const Judge judge_;
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
    word_.clear();
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
  Batch batch(books, best, judge);
  TitleId title = next_;
  bool more = true;
  while (more && !effort.spent()) {
    effort.Spend(1);
    bool all = true;
    for (PostingCursor& cursor : cursors) {
      cursor.Seek(title);
      more = !cursor.done();
      all = more && cursor.id() == title;
      if (more) title = cursor.id();
      if (!all) break;
    }
    if (!all) continue;
    const Fit fit = FitWith(WordsInId(title), 0);
    more = !best.Excludes(fit, BestUnpopularity());
    if (more) batch.Add(title++, fit);
  }
  batch.Flush();
  next_ = title;
  return more;
}

// The rarest keyword leads; of several very common ones, the longest. Long ones are seldom common,
// so they are counted first, and the others only as far as those.
void KeywordScan::ChooseLeader(const BookTable& books) {
  std::vector<absl::string_view> keywords(keywords_.words.begin(), keywords_.words.end());
  absl::c_stable_sort(keywords, [](auto a, auto b) { return a.size() > b.size(); });
  leader_ = std::string(keywords.front());
  size_t fewest = kManyTitles;
  for (const absl::string_view keyword : keywords) {
    if (keywords.size() == 1) break;
    size_t titles = 0;
    size_t words = 0;
    books.words().VisitPrefix(keyword, "", [&](absl::string_view, const Postings& postings) {
      titles += postings.size;
      return titles < fewest && ++words < kMostWordsCounted;
    });
    if (titles >= fewest || words >= kMostWordsCounted) continue;
    fewest = titles;
    leader_ = std::string(keyword);
  }
}

bool KeywordScan::StepBegun(const BookTable& books, const BestKeys& best, Effort& effort,
                            Offer offer) {
  QuickLook look(keywords_);
  const auto judge = [&](TitleId title, const Fit& /*at_best*/) {
    effort.Spend(kFitEffort);
    const absl::string_view name = books.TextOf(title);
    if (!look.MayFit(name)) return;
    const std::string folded = FoldedText(name);
    const std::optional<Fit> fit = FitOf(keywords_, DistinctWords(folded));
    if (fit.has_value()) effort.Spend(offer(title, *fit));
  };
  Batch batch(books, best, judge);
  bool more = false;
  WordsOf(books).VisitPrefix(leader_, word_, [&](absl::string_view word, const Postings& postings) {
    // With one keyword, those that have it as a whole word were found before.
    if (keywords_.words.size() == 1 && word == leader_) return true;
    PostingCursor cursor(postings);
    if (word == word_) cursor.Seek(next_);
    for (; !cursor.done(); cursor.Next()) {
      if (effort.spent()) {
        word_ = std::string(word);
        next_ = cursor.id();
        more = true;
        return false;
      }
      effort.Spend(1);
      const Fit at_best = FitWith(WordsInId(cursor.id()), 1);
      if (best.Excludes(at_best, BestUnpopularity())) break;
      batch.Add(cursor.id(), at_best);
    }
    return true;
  });
  batch.Flush();
  return more;
}

}  // namespace arkshare
