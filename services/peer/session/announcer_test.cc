#include "services/peer/session/announcer.h"

#include <absl/time/clock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/idle_watchdog.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/calls/call_answerer.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/grpc_runtime.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

// An index that answers each Register with the next answer of a script; repeats the last one.
class FakeIndex : public v1::IndexService::Service {
 public:
  struct Answer {
    absl::Status status;
    bool reachable = true;
    // How the stream ends after the snapshot. The index then has the session, but no statements.
    grpc::Status restart = grpc::Status::OK;
    uint64_t largest_listing = 0;  // of this peer, as the index knows it
    // Changes the answer to a registration, for the worse.
    std::function<void(v1::RegisterResponse&)> breaks{};
    // The way in which the index breaks the contract of Announce.
    enum class Lie { kNone, kAtOnce, kAfterSnapshot, kBackwards, kUnasked, kSilence };
    Lie lie = Lie::kNone;
  };
  explicit FakeIndex(std::vector<Answer> script, absl::Duration lease)
      : script_(std::move(script)), lease_(lease) {
    RpcServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ = Must(RpcServer::Start(std::move(options), {this}));
  }

  const std::string& address() const { return server_->address(); }
  // False when there are fewer after a minute.
  bool AwaitRegistrations(size_t count) {
    return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return registered_ >= count; });
  }
  bool AwaitSnapshot(const std::string& token) {
    return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return snapshot_of_ == token; });
  }
  // Counts the complete snapshots.
  bool AwaitSnapshots(size_t count) {
    return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return snapshots_ >= count; });
  }
  // Counts the streams.
  bool AwaitStreams(size_t count) {
    return Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return streams_ >= count; });
  }
  size_t registered() {
    MutexLock lock(&mutex_);
    return registered_;
  }
  // False when the peer has not reported this one after a minute.
  bool AwaitSilent(const PublicKey& key) {
    return Await(
        [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return silent_.contains(key.bytes()); });
  }
  // From now on, the index says whether it can reach the peer.
  void SetReached(bool reached) { unreachable_ = !reached; }
  uint64_t acknowledged() {
    MutexLock lock(&mutex_);
    return acknowledged_;
  }

  // The requests so far: "d" for one that is to be dialled, "r" for one by the relay; in capitals
  // with only_if_reachable.
  std::string requests() {
    MutexLock lock(&mutex_);
    return requests_;
  }

  grpc::Status Register(grpc::ServerContext* /*context*/, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override {
    MutexLock lock(&mutex_);
    requests_ += request->only_if_reachable() ? (request->by_relay() ? 'R' : 'D')
                                              : (request->by_relay() ? 'r' : 'd');
    const Answer& answer = script_[std::min(registered_, script_.size() - 1)];
    ++registered_;
    changed_.NotifyAll();
    if (!answer.status.ok()) return ToGrpcStatus(answer.status);
    response->set_peer_id(1);
    response->set_session_token("token" + std::to_string(registered_));
    response->set_address("192.0.2.1:7070");
    response->set_boot_id(std::string(16, 'b'));
    *response->mutable_lease() =
        google::protobuf::util::TimeUtil::MillisecondsToDuration(absl::ToInt64Milliseconds(lease_));
    acknowledged_ = 0;
    restart_ = answer.restart;
    response->set_largest_listing_number(answer.largest_listing);
    response->mutable_reachability()->set_reachable(answer.reachable);
    response->mutable_reachability()->set_message(answer.reachable ? "" : "open this port");
    lie_ = answer.lie;
    if (answer.breaks) answer.breaks(*response);
    return grpc::Status::OK;
  }

  grpc::Status Announce(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::AnnounceResponse, v1::AnnounceRequest>* stream) override {
    const auto header = context->client_metadata().find("authorization");
    const std::string token(header->second.begin(), header->second.end());
    v1::AnnounceResponse response;
    response.set_acknowledged_sequence(acknowledged());
    v1::AnnounceRequest request;
    if (const Answer::Lie lie = BeginStream(); lie != Answer::Lie::kNone) {
      Tell(lie, stream);
      while (stream->Read(&request)) {
      }
      return grpc::Status::OK;
    }
    stream->Write(response);
    while (stream->Read(&request)) {
      response.set_unreachable(unreachable_);
      {
        MutexLock lock(&mutex_);
        silent_.insert(request.silent_public_keys().begin(), request.silent_public_keys().end());
        changed_.NotifyAll();
      }
      if (!Apply(request, response)) return ToGrpcStatus(MakeError(Reason::kSequenceGap, "a gap"));
      stream->Write(response);
      if (!request.snapshot_complete()) continue;
      MutexLock lock(&mutex_);
      snapshot_of_ = token;
      ++snapshots_;
      changed_.NotifyAll();
      if (restart_.ok()) continue;
      acknowledged_ = 0;
      return std::exchange(restart_, grpc::Status::OK);
    }
    return grpc::Status::OK;
  }

 private:
  Answer::Lie BeginStream() {
    MutexLock lock(&mutex_);
    ++streams_;
    changed_.NotifyAll();
    return lie_;
  }

  static void Tell(Answer::Lie lie,
                   grpc::ServerReaderWriter<v1::AnnounceResponse, v1::AnnounceRequest>* stream) {
    v1::AnnounceRequest request;
    const auto say = [&](uint64_t number) {
      v1::AnnounceResponse response;
      response.set_acknowledged_sequence(number);
      stream->Write(response);
    };
    switch (lie) {
      case Answer::Lie::kAtOnce:
        return say(1'000'000);
      case Answer::Lie::kAfterSnapshot:
        say(0);
        stream->Read(&request);
        return say(1'000'000);
      case Answer::Lie::kBackwards:
        say(0);
        stream->Read(&request);
        say(2);
        return say(1);
      case Answer::Lie::kUnasked:
        say(0);
        stream->Read(&request);
        for (int i = 0; i < 1000; ++i) say(2);
        return;
      case Answer::Lie::kNone:
      case Answer::Lie::kSilence:
        return;
    }
  }

  bool Apply(const v1::AnnounceRequest& request, v1::AnnounceResponse& response) {
    MutexLock lock(&mutex_);
    if (request.statements_size() > 0) {
      if (request.first_sequence() != acknowledged_ + 1) return false;
      acknowledged_ += static_cast<uint64_t>(request.statements_size());
    }
    response.set_acknowledged_sequence(acknowledged_);
    return true;
  }

  template <typename Condition>
  bool Await(Condition condition) {
    const absl::Time end = Clock::Real()->Monotonic() + kPatience;
    MutexLock lock(&mutex_);
    while (!condition()) {
      if (!changed_.WaitFor(&mutex_, end - Clock::Real()->Monotonic())) return false;
    }
    return true;
  }

  const std::vector<Answer> script_;
  const absl::Duration lease_;
  Mutex mutex_;
  CondVar changed_;
  size_t registered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string requests_ ABSL_GUARDED_BY(mutex_);
  std::string snapshot_of_ ABSL_GUARDED_BY(mutex_);
  size_t snapshots_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
  Answer::Lie lie_ ABSL_GUARDED_BY(mutex_) = Answer::Lie::kNone;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::Status restart_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> silent_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> unreachable_ = false;
  std::unique_ptr<RpcServer> server_;
};

class AnnouncerTest : public testing::Test {
 protected:
  AnnouncerTest() { KeepGrpcRunning(); }

  void Start(std::vector<FakeIndex::Answer> script, absl::Duration lease = kMinLease) {
    fake_ = std::make_unique<FakeIndex>(std::move(script), lease);
    std::vector<std::string> addresses = {fake_->address()};
    if (second_ != nullptr) addresses.push_back(second_->address());
    index_ = std::make_unique<IndexClient>(addresses, Dialer::Plaintext());
    Announcer::Options options;
    options.recheck = recheck_;
    options.relay_retry = absl::Milliseconds(1);
    options.session_pause = absl::Milliseconds(1);
    announcer_ = std::make_unique<Announcer>(
        options,
        Announcer::Parts{index_.get(), disk_.library.get(), disk_.ledger.get(), &gate_,
                         Clock::Real(),
                         [] {
                           return UploadLoad{8, 8, 0};
                         },
                         [this] { return std::exchange(silent_, {}); }, &watchdog_,
                         /*membership=*/nullptr, calls_.get()},
        disk_.key.public_key(), [] {}, [this] { superseded_ = true; });
    announcer_->Start();
  }

  TempFolder folder_;
  PeerDisk disk_{folder_.path()};
  RegistrationGate gate_;
  std::vector<PublicKey> silent_;  // for the announcer's thread, once it has started
  FakeClock watchdog_clock_;
  absl::Duration recheck_ = absl::Milliseconds(1);
  IdleWatchdog watchdog_{&watchdog_clock_};
  std::atomic<bool> superseded_ = false;
  std::unique_ptr<FakeIndex> fake_;
  std::unique_ptr<FakeIndex> second_;    // null: there is one address
  std::unique_ptr<CallAnswerer> calls_;  // null: no calls are taken
  std::unique_ptr<IndexClient> index_;
  std::unique_ptr<Announcer> announcer_;
};

// An index with a relay, at a port where nothing listens: it believes or does not, as the script
// says.
class AnnouncerWithRelayTest : public AnnouncerTest {
 protected:
  AnnouncerWithRelayTest() { calls_ = std::make_unique<CallAnswerer>("127.0.0.1:9"); }

  static FakeIndex::Answer Unreachable() {
    FakeIndex::Answer answer{absl::OkStatus(), false};
    answer.breaks = [](v1::RegisterResponse& response) { response.set_relay_port(9); };
    return answer;
  }
  static FakeIndex::Answer Relayed() {
    FakeIndex::Answer answer;
    answer.breaks = [](v1::RegisterResponse& response) {
      response.set_relay_port(9);
      response.clear_address();
      response.mutable_reachability()->set_way(v1::WAY_RELAYED);
    };
    return answer;
  }
  static FakeIndex::Answer Direct() {
    FakeIndex::Answer answer;
    answer.breaks = [](v1::RegisterResponse& response) {
      response.set_relay_port(9);
      response.mutable_reachability()->set_way(v1::WAY_DIRECT);
    };
    return answer;
  }
  static FakeIndex::Answer NoBetterWay() { return {MakeError(Reason::kKeyInUse, "as before")}; }
};

TEST_F(AnnouncerWithRelayTest, UsesTheRelayWhenItCannotBeDialledUntilItCan) {
  Start({Unreachable(), Relayed(), NoBetterWay(), NoBetterWay(), Direct()});
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token5"));
  EXPECT_EQ(fake_->requests(), "drDDD");
  EXPECT_EQ(announcer_->GetState().way, v1::WAY_DIRECT);
  EXPECT_EQ(announcer_->GetState().trouble, "");
  EXPECT_EQ(*disk_.ledger->session()->LastRelayPort(), 0u);
}

TEST_F(AnnouncerWithRelayTest, BeginsWithTheRelayWhenThatWasTheLastWay) {
  ASSERT_TRUE(disk_.ledger->session()->SetLastRelayPort(9).ok());
  Start({Relayed(), NoBetterWay()});
  EXPECT_TRUE(fake_->AwaitRegistrations(2));
  EXPECT_EQ(fake_->requests().substr(0, 2), "rD");
  EXPECT_EQ(announcer_->GetState().way, v1::WAY_RELAYED);
  EXPECT_EQ(announcer_->GetState().address, "");
  announcer_->Stop();
  EXPECT_EQ(*disk_.ledger->session()->LastRelayPort(), 9u);
}

TEST_F(AnnouncerWithRelayTest, IsDialledWhenTheRelayOfTheLastTimeHasGone) {
  ASSERT_TRUE(disk_.ledger->session()->SetLastRelayPort(9).ok());
  Start({{absl::OkStatus(), false}, {}});
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token2"));
  EXPECT_EQ(fake_->requests(), "rd");
  EXPECT_EQ(announcer_->GetState().way, v1::WAY_DIRECT);
}

TEST_F(AnnouncerWithRelayTest, UsesTheRelayAtItsNewPort) {
  ASSERT_TRUE(disk_.ledger->session()->SetLastRelayPort(8).ok());
  Start({Unreachable(), Relayed(), NoBetterWay()});
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token2"));
  EXPECT_EQ(fake_->requests().substr(0, 2), "rr");
  EXPECT_EQ(announcer_->GetState().way, v1::WAY_RELAYED);
}

TEST_F(AnnouncerWithRelayTest, TriesTheRelayAgainSoonAndTheAddressLater) {
  recheck_ = absl::Hours(1);
  Start({Unreachable(), Unreachable(), NoBetterWay(), NoBetterWay(), Relayed()});
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token5"));
  EXPECT_EQ(fake_->requests(), "drRRR");
  EXPECT_EQ(announcer_->GetState().way, v1::WAY_RELAYED);
}

TEST_F(AnnouncerWithRelayTest, UsesTheRelayWhenItCannotBeReachedAnyMore) {
  Start({Direct(), Relayed(), NoBetterWay()});
  ASSERT_TRUE(fake_->AwaitSnapshot("Bearer token1"));
  fake_->SetReached(false);
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token2"));
  EXPECT_EQ(fake_->requests().substr(0, 2), "dR");
}

TEST_F(AnnouncerTest, RegistersAgainWhenTheIndexIsBusy) {
  const absl::Status busy =
      MakeError(Reason::kLimitExceeded, "too many peers", {}, absl::Milliseconds(1));
  Start({{busy}, {busy}, {}});
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token3"));
  EXPECT_EQ(announcer_->GetState().peer_id, 1u);
  EXPECT_EQ(announcer_->GetState().trouble, "");
}

TEST_F(AnnouncerTest, RegistersAgainUntilTheIndexCanReachIt) {
  const absl::Status key_in_use = MakeError(Reason::kKeyInUse, "a peer with this key is here");
  Start({{absl::OkStatus(), false}, {key_in_use}, {key_in_use}, {absl::OkStatus(), true}});
  EXPECT_TRUE(fake_->AwaitRegistrations(4));
  // The last session has the whole library.
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token4"));
  EXPECT_EQ(announcer_->GetState().trouble, "");
  EXPECT_FALSE(superseded_) << "by itself";
}

TEST_F(AnnouncerTest, TheOwnerLearnsThatTheIndexCannotReachThePeerAnyMore) {
  Start({{}});
  ASSERT_TRUE(fake_->AwaitSnapshots(1));
  const auto await_trouble = [&](const std::string& words) {
    const absl::Time end = absl::Now() + kPatience;
    while (absl::Now() < end) {
      const std::string trouble = announcer_->GetState().trouble;
      if (words.empty() ? trouble.empty() : trouble.find(words) != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  };
  fake_->SetReached(false);
  EXPECT_TRUE(await_trouble("cannot reach this peer"));
  EXPECT_TRUE(announcer_->GetState().online);
  fake_->SetReached(true);
  EXPECT_TRUE(await_trouble(""));
}

TEST_F(AnnouncerTest, TellsTheIndexWhichPeersDidNotAnswer) {
  const PublicKey silent = PrivateKey::Generate().public_key();
  silent_ = {silent};
  Start({{}});
  EXPECT_TRUE(fake_->AwaitSilent(silent));
}

TEST_F(AnnouncerTest, ListingsGetNewNumbersWhenTheIndexKnowsLargerOnes) {
  const uint64_t number = disk_.List("one", FakeBook::OfSize(10, 1)).record.number;
  Start({{.status = absl::OkStatus(), .largest_listing = number + 100}}, absl::Minutes(1));
  EXPECT_TRUE(fake_->AwaitSnapshots(1));
  const uint64_t larger = disk_.library->FindPath("one")->record.number;
  EXPECT_GT(larger, number + 100);
  announcer_.reset();
  // A restart has not forgotten them.
  Must(disk_.library->Load());
  Start({{.status = absl::OkStatus(), .largest_listing = larger}}, absl::Minutes(1));
  EXPECT_TRUE(fake_->AwaitSnapshots(1));
  EXPECT_EQ(disk_.library->FindPath("one")->record.number, larger);
}

TEST_F(AnnouncerTest, ARestartedIndexThatKeptTheSessionGetsANewSnapshot) {
  disk_.List("one", FakeBook::OfSize(10, 1));
  disk_.List("two", FakeBook::OfSize(10, 2));
  // The lease is long enough for the stream to come back.
  const grpc::Status killed(grpc::StatusCode::UNAVAILABLE, "the connection broke");
  const grpc::Status stopped = ToGrpcStatus(MakeError(Reason::kShuttingDown, "back soon"));
  for (const grpc::Status& restart : {killed, stopped}) {
    Start({{absl::OkStatus(), /*reachable=*/true, restart}}, absl::Minutes(1));
    EXPECT_TRUE(fake_->AwaitSnapshots(2));
    EXPECT_EQ(fake_->acknowledged(), 2u);
    EXPECT_EQ(fake_->registered(), 1u);
    announcer_.reset();
  }
}

TEST_F(AnnouncerTest, AnIndexThatBreaksTheContractIsToldEverythingAgain) {
  using Lie = FakeIndex::Answer::Lie;
  disk_.List("one", FakeBook::OfSize(10, 1));
  disk_.List("two", FakeBook::OfSize(10, 2));
  std::vector<FakeIndex::Answer> script;
  for (const Lie lie : {Lie::kAtOnce, Lie::kAfterSnapshot, Lie::kBackwards, Lie::kUnasked}) {
    script.push_back({.status = absl::OkStatus(), .lie = lie});
  }
  script.push_back({});
  Start(std::move(script), absl::Minutes(1));
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token5"));
  EXPECT_EQ(fake_->acknowledged(), 2u);
  EXPECT_EQ(fake_->registered(), 5u);
}

TEST_F(AnnouncerTest, ARegistrationThatBreaksTheContractDoesNotCount) {
  disk_.List("one", FakeBook::OfSize(10, 1));
  const auto lease = [](int64_t seconds) {
    return FakeIndex::Answer{
        .status = absl::OkStatus(),
        .breaks = [seconds](v1::RegisterResponse& r) { r.mutable_lease()->set_seconds(seconds); }};
  };
  Start({lease(0),
         lease(-5),
         lease(int64_t{1} << 62),
         {.status = absl::OkStatus(),
          .breaks = [](v1::RegisterResponse& r) { r.set_address("unix:/run/other.sock"); }},
         {}},
        absl::Minutes(1));
  EXPECT_TRUE(fake_->AwaitSnapshot("Bearer token5"));
  EXPECT_EQ(fake_->registered(), 5u);
  EXPECT_EQ(announcer_->GetState().address, "192.0.2.1:7070");
}

TEST_F(AnnouncerTest, ASessionOfReplicasGoesOnAtAnotherOneWithItsToken) {
  disk_.List("one", FakeBook::OfSize(10, 1));
  second_ = std::make_unique<FakeIndex>(std::vector<FakeIndex::Answer>{{}}, absl::Minutes(1));
  const auto replicated = [](v1::RegisterResponse& response) { response.set_replicated(true); };
  for (const Reason reason : {Reason::kShuttingDown, Reason::kStoreUnreachable}) {
    Start({{.status = absl::OkStatus(),
            .restart = ToGrpcStatus(MakeError(reason, "call another index")),
            .breaks = replicated}},
          absl::Minutes(1));
    EXPECT_TRUE(second_->AwaitSnapshot("Bearer token1")) << ReasonName(reason);
    EXPECT_EQ(fake_->registered(), 1u);
    announcer_.reset();
    second_ = std::make_unique<FakeIndex>(std::vector<FakeIndex::Answer>{{}}, absl::Minutes(1));
  }
}

TEST_F(AnnouncerTest, ASessionOfAnIndexByItselfStaysThere) {
  second_ = std::make_unique<FakeIndex>(std::vector<FakeIndex::Answer>{{}}, absl::Minutes(1));
  Start({{.status = absl::OkStatus(),
          .restart = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the connection broke")}},
        absl::Minutes(1));
  EXPECT_TRUE(fake_->AwaitSnapshots(2));
  EXPECT_EQ(second_->registered(), 0u);
}

TEST_F(AnnouncerTest, AStreamWithoutAnswersIsReplaced) {
  Start({{.status = absl::OkStatus(), .lie = FakeIndex::Answer::Lie::kSilence}}, absl::Minutes(10));
  EXPECT_TRUE(fake_->AwaitStreams(1));
  // The watch of the stream begins before the index sees the stream.
  watchdog_clock_.Advance(absl::Minutes(12));
  EXPECT_TRUE(fake_->AwaitStreams(2));
  EXPECT_EQ(fake_->registered(), 1u);
}

}  // namespace
}  // namespace arkshare
