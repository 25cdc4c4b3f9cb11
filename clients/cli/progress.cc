#include "clients/cli/progress.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "clients/cli/render.h"
#include "lib/core/byte_size.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

constexpr absl::Duration kQuietTime = absl::Seconds(1);
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr absl::Duration kRateWindow = absl::Seconds(3);
constexpr int kMaxBarColumns = 30;
constexpr int kMinBarColumns = 5;
// Terminal control: to the beginning of the line; clear the rest of the line.
constexpr char kLineStart[] = "\r";
constexpr char kClearToEnd[] = "\033[K";

double DoneShare(const v1::Transfer& transfer) {
  const auto size = static_cast<double>(transfer.content().size_bytes());
  if (size <= 0) return 1;
  return std::clamp(static_cast<double>(transfer.bytes_done()) / size, 0.0, 1.0);
}

// No bar while the transfer waits for its turn.
std::optional<double> BarShare(const v1::Transfer& transfer) {
  if (transfer.state() == v1::TRANSFER_STATE_QUEUED) return std::nullopt;
  return DoneShare(transfer);
}

std::string Line(const std::string& label, const std::string& words, std::optional<double> share,
                 int columns) {
  const int width = columns - 1;  // The last column would wrap the line on some terminals.
  const int bar_columns =
      std::min(width - DisplayWidth(label) - DisplayWidth(words) - 6, kMaxBarColumns);
  std::string bar;
  if (share && bar_columns >= kMinBarColumns) {
    const auto full = static_cast<size_t>(*share * bar_columns);
    bar = absl::StrCat("[", std::string(full, '#'),
                       std::string(static_cast<size_t>(bar_columns) - full, '-'), "]  ");
  }
  return FitToWidth(absl::StrCat(label, "  ", bar, words), width);
}

}  // namespace

std::string ProgressInWords(const v1::Transfer& transfer) {
  const uint64_t size = transfer.content().size_bytes();
  if (transfer.state() == v1::TRANSFER_STATE_QUEUED) {
    std::string words = transfer.queue_position() == 0
                            ? "waiting: you are next"
                            : absl::StrCat("waiting: ", transfer.queue_position(), " before you");
    const absl::StatusOr<absl::Duration> wait =
        DurationFromProto(transfer.estimated_wait(), "estimated_wait");
    if (transfer.has_estimated_wait() && wait.ok()) {
      absl::StrAppend(&words, ", about ", FormatRoughTime(*wait));
    }
    return words;
  }
  std::string words =
      absl::StrCat(static_cast<int>(DoneShare(transfer) * 100), "%  ",
                   FormatByteSize(transfer.bytes_done()), " of ", FormatByteSize(size));
  if (transfer.state() == v1::TRANSFER_STATE_HANDING_OVER) {
    return absl::StrCat(words, "  being handed over");
  }
  const uint64_t rate = transfer.bytes_per_second();
  if (rate > 0) absl::StrAppend(&words, "  ", FormatByteSize(rate), "/s");
  if (rate > 0 && transfer.bytes_done() < size) {
    const double seconds =
        static_cast<double>(size - transfer.bytes_done()) / static_cast<double>(rate);
    absl::StrAppend(&words, "  ", FormatTimeLeft(absl::Seconds(seconds)), " left");
  }
  return words;
}

std::string ProgressLine(const v1::Transfer& transfer, const std::string& label, int columns) {
  return Line(label, ProgressInWords(transfer), BarShare(transfer), columns);
}

void ManyProgress::Note(size_t index, uint64_t size, uint64_t bytes_done, absl::Time now) {
  Book& book = books_.at(index);
  size_ += size - book.size;
  done_ += bytes_done - book.done;
  book = {size, bytes_done};
  if (samples_.empty() || now - samples_.back().first >= kRedrawInterval) {
    samples_.emplace_back(now, done_);
  } else {
    samples_.back().second = done_;
  }
  while (samples_.size() > 2 && now - samples_[1].first > kRateWindow) samples_.pop_front();
}

void ManyProgress::NoteEnd(size_t index) {
  Book& book = books_.at(index);
  size_ -= book.size - book.done;
  book.size = book.done;
  ++ended_;
}

double ManyProgress::share() const {
  // Counts books, not bytes: the sizes of some books are not known yet.
  return books_.empty() ? 1 : static_cast<double>(ended_) / static_cast<double>(books_.size());
}

std::string ManyProgress::InWords() const {
  std::string words = absl::StrCat(ended_, " of ", books_.size(), " books  ", FormatByteSize(done_),
                                   " of ", FormatByteSize(size_));
  if (samples_.size() < 2) return words;
  const double seconds = absl::ToDoubleSeconds(samples_.back().first - samples_.front().first);
  const double rate =
      static_cast<double>(samples_.back().second - samples_.front().second) / seconds;
  if (rate < 1) return words;
  absl::StrAppend(&words, "  ", FormatByteSize(static_cast<uint64_t>(rate)), "/s");
  if (done_ < size_) {
    absl::StrAppend(&words, "  ",
                    FormatTimeLeft(absl::Seconds(static_cast<double>(size_ - done_) / rate)),
                    " left");
  }
  return words;
}

Progress::Progress(std::ostream& out, const Clock* clock, Options options)
    : out_(out), clock_(clock), options_(std::move(options)), start_(clock->Monotonic()) {}

Progress::~Progress() {
  if (!drawn_ || !options_.bar || options_.line_begun) return;
  out_ << kLineStart << kClearToEnd << std::flush;
}

void Progress::Update(const v1::Transfer& transfer) {
  Update(ProgressInWords(transfer), BarShare(transfer),
         transfer.state() == v1::TRANSFER_STATE_DONE);
}

void Progress::Update(const std::string& words, std::optional<double> share, bool last) {
  const absl::Time now = clock_->Monotonic();
  if (now - start_ < kQuietTime || (last && !drawn_)) return;
  if (!last && now - last_shown_ < (options_.bar ? kRedrawInterval : kLineInterval)) return;
  last_shown_ = now;
  drawn_ = true;
  if (options_.bar) {
    out_ << kLineStart << Line(options_.label, words, share, options_.columns) << kClearToEnd;
  } else if (!last) {
    out_ << options_.label << ": " << words << '\n';
  }
  out_ << std::flush;
}

}  // namespace arkshare
