// How far a transfer is, while it takes longer than a second.
#ifndef ARKSHARE_CLIENTS_CLI_PROGRESS_H_
#define ARKSHARE_CLIENTS_CLI_PROGRESS_H_

#include <absl/time/time.h>

#include <ostream>
#include <string>

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

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_PROGRESS_H_
