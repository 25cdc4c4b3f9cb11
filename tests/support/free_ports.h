// Ports for programs that must get the same one after a restart.
#ifndef ARKSHARE_TESTS_SUPPORT_FREE_PORTS_H_
#define ARKSHARE_TESTS_SUPPORT_FREE_PORTS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace arkshare {

// Returns different ports of 127.0.0.1 on which no program listens now. They are outside of the
// range from which the kernel takes ports for connections, so none of them is taken until the
// program listens.
std::vector<int> FreePorts(size_t count);

// "127.0.0.1:PORT" with one of them.
std::string FreeAddress();

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_FREE_PORTS_H_
