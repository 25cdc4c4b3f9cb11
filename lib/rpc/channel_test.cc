#include "lib/rpc/channel.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/rpc/server.h"

namespace arkshare {
namespace {

bool HasIpv6Loopback() {
  // The kernel's list has no such file without IPv6.
  std::ifstream addresses("/proc/net/if_inet6");
  for (std::string line; std::getline(addresses, line);) {
    if (line.rfind("00000000000000000000000000000001", 0) == 0) return true;
  }
  return false;
}

TEST(ChannelTest, AHostIsAHostWhateverItsName) {
  EXPECT_EQ(TargetUri("192.0.2.1:7070"), "dns:///192.0.2.1:7070");
  EXPECT_EQ(TargetUri("[::1]:7070"), "dns:///%5B::1%5D:7070");
  EXPECT_EQ(TargetUri("localhost:7070"), "dns:///127.0.0.1:7070");
  EXPECT_EQ(TargetUri("unix:/run/control.sock"), "unix:/run/control.sock");
  for (const std::string host : {"unix", "unix-abstract", "dns", "ipv4", "xds", "vsock"}) {
    EXPECT_EQ(TargetUri(host + ":7070"), "dns:///" + host + ":7070");
  }
}

TEST(ChannelTest, OtherFormsOfGrpcAreNotUsed) {
  for (const std::string target : {"dns:///127.0.0.1:1", "ipv4:127.0.0.1:1", "unix-abstract:name",
                                   "ipv6:[::1]:1", "xds:///x", "a,b:1", ""}) {
    EXPECT_EQ(TargetUri(target), "") << target;
    const auto stub =
        v1::FileService::NewStub(MakeChannel(target, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::PingResponse response;
    EXPECT_FALSE(stub->Ping(&context, {}, &response).ok()) << target;
  }
}

TEST(ChannelTest, AddressesOfServersConnect) {
  v1::FileService::Service service;
  for (const std::string listen : {"127.0.0.1:0", "[::1]:0"}) {
    RpcServerOptions options;
    options.listen = listen;
    const auto server = RpcServer::Start(std::move(options), {&service});
    if (!server.ok() && listen[0] == '[' && !HasIpv6Loopback()) GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(server.ok()) << server.status();
    const auto stub = v1::FileService::NewStub(
        MakeChannel((*server)->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::PingResponse response;
    EXPECT_EQ(stub->Ping(&context, {}, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
}

}  // namespace
}  // namespace arkshare
