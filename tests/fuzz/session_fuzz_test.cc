// An index that answers an Announcer at random.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/mutex.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/session/announcer.h"
#include "services/peer/session/statement_queue.h"
#include "services/peer/testing/fakes.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

constexpr uint64_t kNumbers[] = {
    0, 1, 2, 3, 7, 1000, 1'000'000, uint64_t{1} << 62, std::numeric_limits<uint64_t>::max()};

TEST(StatementQueueFuzz, ItGivesTheIndexWhatItLacksOrRefusesTheAnswer) {
  std::mt19937_64 random(6);
  const auto below = [&](uint64_t n) { return random() % n; };
  StatementQueue queue;
  uint64_t stated = 0;  // in this session
  uint64_t sent = 0;    // in this session
  uint64_t next = 1;    // in this stream
  uint64_t refused = 0;
  const auto restart = [&] {
    std::vector<Library::Change> snapshot(below(5), uint64_t{1});
    queue.Restart(snapshot);
    stated = snapshot.size();
    sent = 0;
    next = 1;
  };
  restart();
  const uint64_t rounds = FuzzRounds(100'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const uint64_t number = below(2) == 0 ? kNumbers[below(std::size(kNumbers))]
                                          : sent - below(std::min<uint64_t>(sent, 4) + 1);
    switch (below(5)) {
      case 0: {
        queue.Add(std::vector<Library::Change>(1, uint64_t{1}));
        ++stated;
        break;
      }
      case 1: {
        const absl::StatusOr<bool> begun = queue.BeginStream(number);
        EXPECT_EQ(begun.ok(), number <= sent) << number << " of " << sent;
        if (begun.ok() && *begun) next = number + 1;
        if (!begun.ok() || !*begun) restart();
        break;
      }
      case 2: {
        const absl::Status taken = queue.Acknowledge(number);
        if (taken.ok()) {
          EXPECT_LE(number, sent);
          next = std::max(next, number + 1);
        } else {
          EXPECT_EQ(GetReason(taken), Reason::kAnswerInvalid);
          ++refused;
          restart();
        }
        break;
      }
      default: {
        v1::AnnounceRequest request;
        const size_t count = queue.TakeNext(1 + below(3), request);
        EXPECT_EQ(request.first_sequence(), next);
        EXPECT_EQ(static_cast<size_t>(request.statements_size()), count);
        next += count;
        sent = std::max(sent, next - 1);
        EXPECT_LE(sent, stated);
        EXPECT_EQ(queue.all_taken(), next == stated + 1);
      }
    }
  }
  EXPECT_GT(refused, 0u);
}

// Its answers come from one seed, so every run has the same ones for each registration.
class RandomIndex final : public v1::IndexService::Service {
 public:
  RandomIndex() : answers_(7, {GoodAnswer().SerializeAsString()}, {"unix:/s", "\x1b[2J", "\xff"}) {
    server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {this}));
  }

  const std::string& address() const { return server_->address(); }
  void AwaitRegistrations(uint64_t count) {
    MutexLock lock(&mutex_);
    while (registered_ < count) changed_.Wait(&mutex_);
  }

  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest*,
                        v1::RegisterResponse* response) override {
    MutexLock lock(&mutex_);
    ++registered_;
    changed_.NotifyAll();
    // A refused answer costs the announcer a pause, so most are good.
    if (registered_ % 32 != 0 || !response->ParseFromString(answers_.Next())) {
      *response = GoodAnswer();
    }
    return grpc::Status::OK;
  }

  grpc::Status Announce(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::AnnounceResponse, v1::AnnounceRequest>* stream) override {
    v1::AnnounceRequest request;
    v1::AnnounceResponse response;
    // The announcer waits for the first answer, and its second message is a heartbeat, which takes
    // its time.
    bool may_read = false;
    bool has_read = false;
    for (uint64_t left = Below(8); left > 0; --left) {
      if (may_read && !has_read && Below(3) == 0) {
        has_read = true;
        if (!stream->Read(&request)) break;
        response.set_acknowledged_sequence(request.first_sequence() +
                                           static_cast<uint64_t>(request.statements_size()) - 1);
      } else {
        response.set_acknowledged_sequence(kNumbers[Below(std::size(kNumbers))]);
      }
      if (!stream->Write(response)) break;
      may_read = true;
    }
    return ToGrpcStatus(MakeError(Reason::kSessionUnknown, "register again"));
  }

 private:
  static v1::RegisterResponse GoodAnswer() {
    v1::RegisterResponse answer;
    answer.set_peer_id(1);
    answer.set_session_token("token");
    answer.mutable_lease()->set_seconds(1);
    answer.set_address("192.0.2.1:7070");
    answer.set_boot_id(std::string(16, 'b'));
    answer.mutable_reachability()->set_reachable(true);
    return answer;
  }

  uint64_t Below(uint64_t n) {
    MutexLock lock(&mutex_);
    return answers_.Below(n);
  }

  Mutex mutex_;
  CondVar changed_;
  uint64_t registered_ ABSL_GUARDED_BY(mutex_) = 0;
  Mutator answers_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RpcServer> server_;
};

TEST(AnnouncerFuzz, NoAnswerEndsOrHoldsUpTheAnnouncer) {
  KeepGrpcRunning();
  TempFolder folder;
  PeerDisk disk{folder.path()};
  for (uint32_t i = 0; i < 3; ++i) disk.List("book" + std::to_string(i), FakeBook::OfSize(10, i));
  RegistrationGate gate;
  RandomIndex fake;
  IndexClient index({fake.address()}, Dialer::Plaintext());
  FakeClock clock;
  IdleWatchdog watchdog(&clock);
  Announcer::Options options;
  options.recheck = absl::Milliseconds(1);
  options.session_pause = absl::Microseconds(100);
  Announcer announcer(
      options,
      {&index, disk.library.get(), disk.ledger.get(), &gate, Clock::Real(),
       [] {
         return UploadLoad{8, 8, 0};
       },
       nullptr, &watchdog},
      disk.key.public_key(), [] {}, [] { ADD_FAILURE() << "superseded"; });
  announcer.Start();
  fake.AwaitRegistrations(FuzzRounds(130));
  announcer.Stop();
}

}  // namespace
}  // namespace arkshare
