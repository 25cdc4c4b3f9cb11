// How far a transfer is, while it takes longer than a second.
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

// On a terminal one line that is drawn again and again, elsewhere a line every five seconds.
// Not thread-safe.
class Progress {
 public:
  struct Options {
    bool bar = false;  // `out` is a terminal
    int columns = 80;  // of it
    // What stands before the bar; already on the terminal's line when `line_begun`, which then also
    // stays there at the end.
    std::string label = {};
    bool line_begun = false;
  };

  Progress(std::ostream& out, const Clock* clock, Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(const v1::Transfer& transfer);
  // The same for anything: `share` (0 to 1) is done, if a bar makes sense; `last`: it has ended.
  void Update(const std::string& words, std::optional<double> share, bool last);

 private:
  std::ostream& out_;
  const Clock* const clock_;
  const Options options_;
  const absl::Time start_;
  absl::Time last_shown_ = absl::InfinitePast();
  bool drawn_ = false;
};

// "45%  450.0 MiB of 1.0 GiB  12.0 MiB/s  0:07 left", or what it waits for.
std::string ProgressInWords(const v1::Transfer& transfer);
// `label`, a bar and the words, in at most `columns` columns.
std::string ProgressLine(const v1::Transfer& transfer, const std::string& label, int columns);

// How far a get of many books is.
class ManyProgress {
 public:
  explicit ManyProgress(size_t books) : books_(books) {}

  // Of the book `index`: its size, once it is known, and how much of it is here.
  void Note(size_t index, uint64_t size, uint64_t bytes_done, absl::Time now);
  // It has ended, well or not: then there is no more to come of it.
  void NoteEnd(size_t index);

  size_t ended() const { return ended_; }
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
  uint64_t size_ = 0;  // of all, as far as known
  uint64_t done_ = 0;
  // What was done when, over the last seconds.
  std::deque<std::pair<absl::Time, uint64_t>> samples_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_PROGRESS_H_
