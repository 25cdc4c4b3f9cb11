#include "services/index/replica/replicated_sessions.h"

#include <gtest/gtest.h>

#include <memory>

#include "services/index/replica/testing/test_replica.h"
#include "services/index/testing/sessions_suite.h"

namespace arkshare {
namespace {

// One replica, with an engine and a clock of its own.
class OneReplica : public SessionsHost {
 public:
  OneReplica() : replica_(&engine_, &clock_) {}

  Sessions& sessions() override { return replica_.sessions(); }
  Catalog& catalog() override { return replica_.catalog(); }
  FakeClock& clock() override { return clock_; }
  void Settle() override { replica_.Settle(); }

 private:
  FakeClock clock_;
  MemoryEngine engine_;
  IndexReplica replica_;
};

std::unique_ptr<SessionsHost> MakeOneReplica() { return std::make_unique<OneReplica>(); }
INSTANTIATE_TEST_SUITE_P(Replicated, SessionsSuite, testing::Values(&MakeOneReplica));

}  // namespace
}  // namespace arkshare
