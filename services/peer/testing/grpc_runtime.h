// gRPC's own threads in tests.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_GRPC_RUNTIME_H_
#define ARKSHARE_SERVICES_PEER_TESTING_GRPC_RUNTIME_H_

namespace arkshare {

// Keeps gRPC's own threads until the process ends. Otherwise gRPC stops them whenever the last
// channel or server of a test is destroyed, and may then wait ten seconds for a sleeping one.
void KeepGrpcRunning();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_GRPC_RUNTIME_H_
