// Settings and signals of a whole server process.
#ifndef ARKSHARE_LIB_RPC_PROCESS_H_
#define ARKSHARE_LIB_RPC_PROCESS_H_

namespace arkshare {

// Sets malloc thresholds that suit messages of 1 MiB, and raises the limit of open files to the
// maximum. Call first in main, before the first allocation.
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
