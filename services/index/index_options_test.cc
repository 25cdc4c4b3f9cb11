#include "services/index/index_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "services/index/shared_log/testing/memory_log.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

TEST(IndexOptionsTest, WithoutEncryptionOtherMachinesAreNotServed) {
  IndexOptions options;
  EXPECT_FALSE(options.ServesOtherMachines());
  EXPECT_TRUE(options.Check().ok());
  options.relay = "0.0.0.0:50052";
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("will not carry connections"));
  options.relay = "127.0.0.1:50052";
  EXPECT_TRUE(options.Check().ok());
  options.listen = "0.0.0.0:50051";
  EXPECT_TRUE(options.ServesOtherMachines());
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("will not listen on"));
  options.insecure = true;
  EXPECT_TRUE(options.Check().ok());
}

TEST(IndexOptionsTest, OptionsThatDoNotGoTogetherAreNamed) {
  MemoryEngine engine;
  IndexOptions options;
  options.relay_advertised = "index.example:50052";
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("--relay-advertise"));
  options.relay = "127.0.0.1:50052";
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("--relay-advertise"));
  options.log = engine.MakeReplica();
  EXPECT_TRUE(options.Check().ok());
  options.state_file = "state";
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("--etcd and --state"));
}

TEST(IndexOptionsTest, ReplicasGetAnAddressThatTheyCanUse) {
  IndexOptions options;
  options.relay = "192.0.2.1:0";
  EXPECT_EQ(*options.RelayForReplicas("192.0.2.1:50052"), "192.0.2.1:50052");
  for (const char* everywhere : {"0.0.0.0:50052", "[::]:50052"}) {
    options.relay = everywhere;
    EXPECT_THAT(std::string(options.RelayForReplicas(everywhere).status().message()),
                HasSubstr("give --relay-advertise"));
  }
  options.relay_advertised = "localhost:7000";
  EXPECT_EQ(*options.RelayForReplicas("0.0.0.0:50052"), "127.0.0.1:7000");
  options.relay_advertised = "no address";
  EXPECT_FALSE(options.RelayForReplicas("0.0.0.0:50052").ok());
}

}  // namespace
}  // namespace arkshare
