#include "services/index/etcd/testing/fake_world.h"

#include <gtest/gtest.h>

#include <utility>

#include "lib/core/clock.h"

namespace arkshare {

std::unique_ptr<EtcdLog> FakeWorld::MakeEtcdReplica() {
  EtcdOptions options;
  options.endpoints = etcd_.endpoints();
  options.compact = compact_;
  // Leases of two seconds.
  absl::StatusOr<std::unique_ptr<EtcdLog>> log =
      EtcdLog::Make(options, absl::Seconds(2.5), Clock::Real());
  EXPECT_TRUE(log.ok()) << log.status();
  return *std::move(log);
}

}  // namespace arkshare
