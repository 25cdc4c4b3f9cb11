// How many calls a server takes at a time; see CallGuard.
#ifndef ARKSHARE_LIB_RPC_CALL_BOUNDS_H_
#define ARKSHARE_LIB_RPC_CALL_BOUNDS_H_

#include <cstddef>
#include <string>

namespace arkshare {

struct CallBounds {
  size_t most_of_network = 0;  // of one network (NetworkOfCaller), over all its connections
  size_t most_in_all = 0;
  // "/package.Service/Method" of the callback API, which is not counted: it needs no thread, so its
  // caller is answered whatever else the caller's network has open. Empty: none.
  std::string uncounted_method{};
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CALL_BOUNDS_H_
