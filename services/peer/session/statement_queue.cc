#include "services/peer/session/statement_queue.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <variant>

#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

// Between two messages of the peer, which are a third of a lease apart at most.
constexpr uint64_t kMostNews = 1'000;

v1::Statement ToStatement(const Library::Change& change) {
  v1::Statement statement;
  if (const auto* present = std::get_if<BookListing>(&change)) {
    *statement.mutable_present() = ToProto(*present);
  } else {
    statement.set_gone_listing_number(std::get<uint64_t>(change));
  }
  return statement;
}

}  // namespace

void StatementQueue::Restart(absl::Span<const Library::Change> statements) {
  kept_.clear();
  first_ = next_ = 1;
  sent_ = 0;
  unanswered_ = 0;
  news_ = 0;
  Add(statements);
}

void StatementQueue::Add(absl::Span<const Library::Change> statements) {
  for (const Library::Change& change : statements) kept_.push_back(ToStatement(change));
}

absl::StatusOr<bool> StatementQueue::BeginStream(uint64_t acknowledged) {
  unanswered_ = 1;  // this message needs no other
  if (acknowledged < first_ - 1) return false;
  if (absl::Status s = Acknowledge(acknowledged); !s.ok()) return s;
  next_ = first_;
  return true;
}

absl::Status StatementQueue::Acknowledge(uint64_t acknowledged, bool has_news) {
  if (acknowledged > sent_) {
    return AnswerInvalid(absl::StrCat("acknowledged_sequence is ", acknowledged, ", and only ",
                                      sent_, " statements were sent"));
  }
  if (acknowledged < first_ - 1) {
    return AnswerInvalid(absl::StrCat("acknowledged_sequence is ", acknowledged, " after ",
                                      first_ - 1, " in the same stream"));
  }
  // News may also be in an answer, so this counts no answer: the index may then send one more.
  if (has_news ? ++news_ > kMostNews : unanswered_ == 0) {
    return AnswerInvalid("an AnnounceResponse came that no message had asked for");
  }
  if (!has_news) --unanswered_;
  const uint64_t count = std::min<uint64_t>(acknowledged + 1 - first_, kept_.size());
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
  first_ += count;
  next_ = std::max(next_, first_);
  return absl::OkStatus();
}

size_t StatementQueue::TakeNext(size_t most, v1::AnnounceRequest& request) {
  const auto skip = static_cast<size_t>(next_ - first_);
  const size_t count = std::min(most, kept_.size() - skip);
  request.set_first_sequence(next_);
  for (size_t i = 0; i < count; ++i) *request.add_statements() = kept_[skip + i];
  next_ += count;
  sent_ = std::max(sent_, next_ - 1);
  ++unanswered_;
  news_ = 0;
  return count;
}

}  // namespace arkshare
