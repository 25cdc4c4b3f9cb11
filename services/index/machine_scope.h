// A name for the places where a loopback address means the same.
#ifndef ARKSHARE_SERVICES_INDEX_MACHINE_SCOPE_H_
#define ARKSHARE_SERVICES_INDEX_MACHINE_SCOPE_H_

#include <string>

namespace arkshare {

// Returns the same for all processes in one network namespace since this machine was booted, and
// something else elsewhere: 127.0.0.1 of another container is not ours. Never empty.
std::string MachineScope();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_MACHINE_SCOPE_H_
