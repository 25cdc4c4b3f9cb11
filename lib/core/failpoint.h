// Named places at which a test can kill or pause a program. The CMake option ARKSHARE_FAILPOINTS
// compiles them in; releases leave it off, and then a failpoint costs nothing.
//
// The environment variable ARKSHARE_FAILPOINTS is a list of actions, separated by ";":
//   NAME=kill         the process ends as by SIGKILL
//   NAME=pause:PATH   the thread opens the FIFO PATH for writing, which blocks until the test opens
//                     it for reading ("I am here"), closes it, and opens it for reading, which
//                     blocks until the test opens it for writing ("continue")
//   NAME=error        ARKSHARE_FAILPOINT_ERROR(NAME) returns true
// Each action happens once, or every time with "*" before it ("NAME=*error").
#ifndef ARKSHARE_LIB_CORE_FAILPOINT_H_
#define ARKSHARE_LIB_CORE_FAILPOINT_H_

#ifdef ARKSHARE_FAILPOINTS
#define ARKSHARE_FAILPOINT(name) ((void)::arkshare::ReachFailpoint(name))
#define ARKSHARE_FAILPOINT_ERROR(name) (::arkshare::ReachFailpoint(name))

namespace arkshare {
// True when the failpoint is set to "error". Thread-safe.
bool ReachFailpoint(const char* name);
}  // namespace arkshare
#else
#define ARKSHARE_FAILPOINT(name) ((void)0)
#define ARKSHARE_FAILPOINT_ERROR(name) (false)
#endif

#endif  // ARKSHARE_LIB_CORE_FAILPOINT_H_
