#include <array>
#include <utility>

#include "services/peer/reach/router.h"

namespace arkshare {

std::vector<std::unique_ptr<Router>> MakeRouters() {
  std::vector<std::unique_ptr<Router>> routers;
  for (std::unique_ptr<Router>& router : std::array{MakeNatPmpRouter(), MakeUpnpRouter()}) {
    if (router != nullptr) routers.push_back(std::move(router));
  }
  return routers;
}

}  // namespace arkshare
