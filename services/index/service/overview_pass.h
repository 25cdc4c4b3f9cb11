// The proof that a call comes from this process: from the overview that the index serves itself.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_OVERVIEW_PASS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_OVERVIEW_PASS_H_

#include <grpcpp/server_context.h>

#include <string>
#include <utility>

namespace arkshare {

// Returns the metadata of such calls, which is a secret of the process. A channel within the
// process has no address and no certificate by which the index could know its caller.
const std::pair<std::string, std::string>& OverviewPass();

// True for such a call. It may read what the index lists, also in a group and also peers that only
// this machine reaches.
bool IsOverview(const grpc::ServerContextBase& context);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_OVERVIEW_PASS_H_
