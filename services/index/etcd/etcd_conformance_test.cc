#include <gtest/gtest.h>

#include "services/index/etcd/testing/fake_world.h"
#include "services/index/shared_log/testing/conformance.h"

namespace arkshare {
namespace {

class EtcdConformanceTest : public testing::TestWithParam<LogCase> {};

TEST_P(EtcdConformanceTest, HoldsOverOneNode) {
  FakeWorld world(1);
  RunLogCase(GetParam(), world);
}

TEST_P(EtcdConformanceTest, HoldsOverThreeNodesOfWhichOneHangs) {
  FakeWorld world(3);
  world.etcd().Pause(1);
  RunLogCase(GetParam(), world);
}

INSTANTIATE_TEST_SUITE_P(FakeEtcd, EtcdConformanceTest, testing::ValuesIn(LogCases()), LogCaseName);

}  // namespace
}  // namespace arkshare
