// Settings and signals of a whole server process.
#ifndef ARKSHARE_LIB_RPC_PROCESS_H_
#define ARKSHARE_LIB_RPC_PROCESS_H_

namespace arkshare {

// Sets malloc thresholds that suit messages of 1 MiB, and raises the limit of open files to the
// maximum. Ignores the signals of events that must not end a server: SIGXFSZ (a file reached the
// limit of its size; the write fails with EFBIG), SIGPIPE (the reader of a log is gone) and SIGHUP
// (a terminal is gone). Opens /dev/null in place of a standard stream that is closed: otherwise a
// book could get its number, and the log's lines. Call first in main, before the first allocation.
void TuneProcess();

// Blocks SIGTERM and SIGINT in this thread and in all threads that it starts. Call in main before
// any thread starts.
void BlockStopSignals();
// Waits for SIGTERM, SIGINT or RequestStop. Requires BlockStopSignals.
void WaitForStopSignal();
// Makes WaitForStopSignal return, also when it is called later. Thread-safe; safe in handlers.
void RequestStop();

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_PROCESS_H_
