// Shows the progress of transfers that take longer than a second.
#ifndef ARKSHARE_CLIENTS_CLI_PROGRESS_H_
#define ARKSHARE_CLIENTS_CLI_PROGRESS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/clock.h"

namespace arkshare {

// Redraws one line on a terminal; elsewhere prints a line every five seconds. Not thread-safe.
class Progress {
 public:
  struct Options {
    bool bar = false;  // true on a terminal
    int columns = 80;  // the terminal's width
    // The text before the bar. With `line_begun` it is already on the terminal's line, and stays
    // there at the end.
    std::string label = {};
    bool line_begun = false;
  };

  Progress(std::ostream& out, const Clock* clock, Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(const v1::Transfer& transfer);
  // Shows `words`, and a bar if `share` (0 to 1) is given. `last`: the work has ended.
  void Update(const std::string& words, std::optional<double> share, bool last);

 private:
  std::ostream& out_;
  const Clock* const clock_;
  const Options options_;
  const absl::Time start_;
  absl::Time last_shown_ = absl::InfinitePast();
  bool drawn_ = false;
};

// Returns "45%  450.0 MiB of 1.0 GiB  12.0 MiB/s  0:07 left", or why the transfer waits.
std::string ProgressInWords(const v1::Transfer& transfer);
// Returns `label`, a bar and the words, in at most `columns` columns.
std::string ProgressLine(const v1::Transfer& transfer, const std::string& label, int columns);

// Adds up the progress of a get of many books. Not thread-safe.
class ManyProgress {
 public:
  explicit ManyProgress(size_t books) : books_(books) {}

  // Notes the size (0: unknown) of book `index` and how many of its bytes have arrived.
  void Note(size_t index, uint64_t size, uint64_t bytes_done, absl::Time now);
  // Notes that book `index` has ended, done or failed. Call once for each book.
  void NoteEnd(size_t index);

  size_t ended() const { return ended_; }
  // The share of books that have ended, 0 to 1.
  double share() const;
  // "412 of 1000 books  25.8 MiB of 62.5 MiB  12.0 MiB/s  0:03 left".
  std::string InWords() const;

 private:
  struct Book {
    uint64_t size = 0;
    uint64_t done = 0;
  };
  std::vector<Book> books_;
  size_t ended_ = 0;
  uint64_t size_ = 0;  // bytes of all books of known size
  uint64_t done_ = 0;  // bytes
  // (time, done_) over the last seconds.
  std::deque<std::pair<absl::Time, uint64_t>> samples_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_PROGRESS_H_
