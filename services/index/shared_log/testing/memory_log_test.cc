#include "services/index/shared_log/testing/memory_log.h"

#include <gtest/gtest.h>

#include "services/index/shared_log/testing/conformance.h"

namespace arkshare {
namespace {

class MemoryWorld : public LogWorld {
 public:
  MemoryWorld() { engine_.ExpireAtEnd(); }

  std::unique_ptr<SharedLog> MakeReplica() override { return engine_.MakeReplica(); }
  bool Can(LogFault /*fault*/) const override { return true; }
  void GoAway() override { engine_.CutOffAll(true); }
  void ComeBack() override { engine_.CutOffAll(false); }
  void LoseOutcomes(int count) override { engine_.LoseOutcomes(count); }
  void LoseEvents(int count) override { engine_.LoseEvents(count); }
  void Wipe() override { engine_.Refound(); }
  void SetFull(bool full) override { engine_.SetFull(full); }

 private:
  MemoryEngine engine_;
};

class MemoryLogTest : public testing::TestWithParam<LogCase> {};

TEST_P(MemoryLogTest, Holds) {
  MemoryWorld world;
  RunLogCase(GetParam(), world);
}

INSTANTIATE_TEST_SUITE_P(Conformance, MemoryLogTest, testing::ValuesIn(LogCases()), LogCaseName);

}  // namespace
}  // namespace arkshare
