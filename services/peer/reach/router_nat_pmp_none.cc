// For a build without libnatpmp.
#include "services/peer/reach/router.h"

namespace arkshare {

std::unique_ptr<Router> MakeNatPmpRouter() { return nullptr; }

}  // namespace arkshare
