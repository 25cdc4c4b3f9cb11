#include "services/peer/testing/grpc_runtime.h"

#include <grpc/grpc.h>

namespace arkshare {

void KeepGrpcRunning() { [[maybe_unused]] static const bool kept = (grpc_init(), true); }

}  // namespace arkshare
