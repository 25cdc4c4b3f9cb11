// How a program ends.
#ifndef ARKSHARE_LIB_CORE_EXIT_CODE_H_
#define ARKSHARE_LIB_CORE_EXIT_CODE_H_

namespace arkshare {

// The exit code of every program of arkshare. Of kExitDone to kExitUnreachable a greater code is
// worse. A program that a signal has ended returns 128 + signal.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitUnreachable = 4,
  kExitMemory = 75,  // GuardMemory has ended the process: EX_TEMPFAIL of sysexits.h
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_EXIT_CODE_H_
