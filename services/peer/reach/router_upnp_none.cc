// For a build without libminiupnpc.
#include "services/peer/reach/router.h"

namespace arkshare {

std::unique_ptr<Router> MakeUpnpRouter() { return nullptr; }

}  // namespace arkshare
