// Settings and signals of a whole server process.
#ifndef ARKSHARE_LIB_RPC_PROCESS_H_
#define ARKSHARE_LIB_RPC_PROCESS_H_

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace arkshare {

// Sets malloc thresholds that suit messages of 1 MiB, and raises the limit of open files to the
// maximum. Ignores the signals of events that must not end a server: SIGXFSZ (a file reached the
// limit of its size; the write fails with EFBIG), SIGPIPE (the reader of a log is gone) and SIGHUP
// (a terminal is gone). Opens /dev/null in place of a standard stream that is closed: otherwise a
// book could get its number, and the log's lines. Call first in main, before the first allocation.
void TuneProcess();

// How long a program may take to stop. An orderly stop takes two seconds at most, or three when the
// index does not answer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr absl::Duration kStopLimit = absl::Minutes(1);
#else
inline constexpr absl::Duration kStopLimit = absl::Seconds(4);
#endif

// Blocks SIGTERM and SIGINT in this thread and in all threads that it starts, and starts a thread
// that waits for them. When the process still runs `limit` after the signal, whatever hangs, that
// thread ends it with exit code 1: a disk that does not answer, a full pipe or a slow start must
// not hold up the machine. Nothing is lost by it, as after a crash. Call once in main before any
// other thread starts.
void BlockStopSignals(absl::Duration limit = kStopLimit);
// Writes to stderr unless that would block, as when a full pipe is what hangs. For the last words
// of a process that ends at once; everything else is logged.
void SayWithoutWaiting(absl::string_view text);
// Waits for SIGTERM, SIGINT or RequestStop. Requires BlockStopSignals.
void WaitForStopSignal();
// Makes WaitForStopSignal return, also when it is called later. Thread-safe; safe in handlers.
void RequestStop();

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_PROCESS_H_
