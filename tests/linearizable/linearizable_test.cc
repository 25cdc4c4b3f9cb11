// Moves, registrations and searches that overlap have answers that some sequence of them, one after
// the other, could have had.
#include <grpc/grpc.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/log.h"
#include "services/index/index_server.h"
#include "services/index/shared_log/testing/memory_log.h"
#include "tests/linearizable/clients.h"
#include "tests/linearizable/mistakes.h"

namespace arkshare {
namespace {

constexpr uint64_t kRounds = 8;
// A mistake must be found within this many rounds.
constexpr uint64_t kMostRounds = 40;

std::optional<std::string> FindViolationIn(const std::vector<std::string>& index_addresses,
                                           uint64_t seed) {
  Workload workload;
  workload.seed = seed;
  const std::vector<Timed<IndexCall>> history = RunClients(index_addresses, workload);
  return FindViolation(history, workload.peers, workload.books);
}

class LinearizableTest : public testing::Test {
 protected:
  LinearizableTest() {
    // Keeps the threads of gRPC until the process ends.
    [[maybe_unused]] static const bool kept = (grpc_init(), true);
    SetUpLogging("warn");
  }
};

TEST_F(LinearizableTest, WhatTheIndexAnswers) {
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    IndexOptions options;
    options.listen = "127.0.0.1:0";
    options.lease = absl::Seconds(60);
    auto index = IndexServer::Start(options);
    ASSERT_TRUE(index.ok()) << index.status();
    const std::optional<std::string> violation = FindViolationIn({(*index)->address()}, seed);
    ASSERT_FALSE(violation.has_value()) << "seed " << seed << ": " << *violation;
  }
}

TEST_F(LinearizableTest, WhatReplicasAnswer) {
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    MemoryEngine engine;
    std::vector<std::unique_ptr<IndexServer>> replicas;
    std::vector<std::string> addresses;
    for (int i = 0; i < 3; ++i) {
      IndexOptions options;
      options.listen = "127.0.0.1:0";
      options.lease = absl::Seconds(60);
      options.log = engine.MakeReplica();
      auto index = IndexServer::Start(options);
      ASSERT_TRUE(index.ok()) << index.status();
      addresses.push_back((*index)->address());
      replicas.push_back(*std::move(index));
    }
    const std::optional<std::string> violation = FindViolationIn(addresses, seed);
    ASSERT_FALSE(violation.has_value()) << "seed " << seed << ": " << *violation;
  }
}

class MistakeTest : public LinearizableTest, public testing::WithParamInterface<Mistake> {};

TEST_P(MistakeTest, IsFound) {
  for (uint64_t seed = 1; seed <= kMostRounds; ++seed) {
    MistakenIndex index(GetParam());
    if (FindViolationIn({index.address()}, seed).has_value()) return;
  }
  FAIL() << "the checker takes this index for a good one";
}

INSTANTIATE_TEST_SUITE_P(All, MistakeTest,
                         testing::Values(Mistake::kAnswersEarly, Mistake::kTwoSteps,
                                         Mistake::kKeepsSource, Mistake::kLosesSome,
                                         Mistake::kAcceptsEndedSessions,
                                         Mistake::kSearchesStaleCopy, Mistake::kIgnoresUnregister));

}  // namespace
}  // namespace arkshare
