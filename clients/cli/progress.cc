#include "clients/cli/progress.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "clients/cli/render.h"
#include "lib/core/byte_size.h"

namespace arkshare {
namespace {

constexpr absl::Duration kQuietTime = absl::Seconds(1);
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr int kMaxBarColumns = 30;
constexpr int kMinBarColumns = 5;
// Carriage return, and back; clears the rest of the line.
constexpr char kLineStart[] = "\r";
constexpr char kClearToEnd[] = "\033[K";

double DoneShare(const v1::Transfer& transfer) {
  const auto size = static_cast<double>(transfer.content().size_bytes());
  if (size <= 0) return 1;
  return std::clamp(static_cast<double>(transfer.bytes_done()) / size, 0.0, 1.0);
}

}  // namespace

std::string ProgressInWords(const v1::Transfer& transfer) {
  const uint64_t size = transfer.content().size_bytes();
  if (transfer.state() == v1::TRANSFER_STATE_QUEUED) {
    return absl::StrCat("waiting for an upload slot, ", transfer.queue_position(), " before you");
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
  const std::string words = ProgressInWords(transfer);
  const int width = columns - 1;  // The last column would wrap the line on some terminals.
  const int bar_columns =
      std::min(width - DisplayWidth(label) - DisplayWidth(words) - 6, kMaxBarColumns);
  std::string bar;
  if (transfer.state() != v1::TRANSFER_STATE_QUEUED && bar_columns >= kMinBarColumns) {
    const auto full = static_cast<size_t>(DoneShare(transfer) * bar_columns);
    bar = absl::StrCat("[", std::string(full, '#'),
                       std::string(static_cast<size_t>(bar_columns) - full, '-'), "]  ");
  }
  return FitToWidth(absl::StrCat(label, "  ", bar, words), width);
}

Progress::Progress(std::ostream& out, const Clock* clock, Options options)
    : out_(out), clock_(clock), options_(std::move(options)), start_(clock->Monotonic()) {}

Progress::~Progress() {
  if (!drawn_ || !options_.bar || options_.line_begun) return;
  out_ << kLineStart << kClearToEnd << std::flush;
}

void Progress::Update(const v1::Transfer& transfer) {
  const absl::Time now = clock_->Monotonic();
  const bool last = transfer.state() == v1::TRANSFER_STATE_DONE;
  if (now - start_ < kQuietTime || (last && !drawn_)) return;
  if (!last && now - last_shown_ < (options_.bar ? kRedrawInterval : kLineInterval)) return;
  last_shown_ = now;
  drawn_ = true;
  if (options_.bar) {
    out_ << kLineStart << ProgressLine(transfer, options_.label, options_.columns) << kClearToEnd;
  } else if (!last) {
    out_ << options_.label << ": " << ProgressInWords(transfer) << '\n';
  }
  out_ << std::flush;
}

}  // namespace arkshare
