// Replicas of the index over one log, as they look from the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/index/index_server.h"
#include "services/index/shared_log/testing/memory_log.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

// A log whose queue a test can fill.
class SlowLog : public SharedLog {
 public:
  explicit SlowLog(std::unique_ptr<SharedLog> log) : log_(std::move(log)) {}

  void Start(LogFold* fold) override { log_->Start(fold); }
  void Stop() override {
    GiveRoom();
    log_->Stop();
  }
  void Commit(Write write, Done done) override { log_->Commit(std::move(write), std::move(done)); }
  void Mark(Reached done) override { log_->Mark(std::move(done)); }
  void Await(int64_t revision, absl::Duration limit, Reached done) override {
    log_->Await(revision, limit, std::move(done));
  }
  const std::string& replica() const override { return log_->replica(); }
  std::string birth() const override { return log_->birth(); }
  State state() const override { return log_->state(); }
  int64_t applied() const override { return log_->applied(); }
  absl::Duration behind() const override { return log_->behind(); }
  size_t queued_bytes() const override { return full_ ? kLogQueueBytes + 1 : 0; }
  void AwaitRoom(std::function<void()> go) override {
    {
      MutexLock lock(&mutex_);
      if (full_) {
        waiting_.push_back(std::move(go));
        changed_.NotifyAll();
        return;
      }
    }
    go();
  }

  LogMetrics metrics() const override { return log_->metrics(); }

  void Fill() { full_ = true; }
  // Blocks until a caller is held back.
  void AwaitWaiting() {
    MutexLock lock(&mutex_);
    while (waiting_.empty()) changed_.Wait(&mutex_);
  }
  size_t waiting() {
    MutexLock lock(&mutex_);
    return waiting_.size();
  }
  void GiveRoom() {
    std::vector<std::function<void()>> waiting;
    {
      MutexLock lock(&mutex_);
      full_ = false;
      waiting.swap(waiting_);
    }
    for (const std::function<void()>& go : waiting) go();
  }

 private:
  const std::unique_ptr<SharedLog> log_;
  std::atomic<bool> full_ = false;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
};

class ReplicasWireTest : public testing::Test {
 protected:
  struct Index {
    std::shared_ptr<SlowLog> log;
    std::unique_ptr<IndexServer> server;
    std::unique_ptr<v1::IndexService::Stub> stub;
  };

  Index Start() {
    Index index;
    index.log = std::make_shared<SlowLog>(engine_.MakeReplica());
    IndexOptions options;
    options.listen = "127.0.0.1:0";
    options.lease = absl::Minutes(10);
    options.log = index.log;
    index.server = IndexServer::Start(options).value();
    index.stub = v1::IndexService::NewStub(
        MakeChannel(index.server->address(), grpc::InsecureChannelCredentials()));
    return index;
  }
  static std::set<std::string> BooksAt(Index& index, uint64_t revision) {
    v1::ListBooksRequest request;
    request.set_peer_id(1);
    request.set_page_size(1'000);
    request.set_at_least_revision(revision);
    grpc::ClientContext context;
    v1::ListBooksResponse response;
    EXPECT_TRUE(index.stub->ListBooks(&context, request, &response).ok());
    std::set<std::string> books;
    for (const v1::Listing& listing : response.listings()) books.insert(listing.name());
    return books;
  }

  MemoryEngine engine_;
};

v1::AnnounceRequest OneBook(uint64_t sequence, const std::string& name) {
  v1::AnnounceRequest request;
  request.set_first_sequence(sequence);
  *request.add_statements() = PresentStatement(TestListing(sequence, name, sequence));
  request.set_free_slots(8);
  return request;
}

TEST_F(ReplicasWireTest, AFullQueueHoldsPeersBack) {
  Index index = Start();
  FakePeer peer(index.server->address());
  ASSERT_TRUE(peer.Register().ok());
  const auto stream = peer.Announce();
  ASSERT_TRUE(stream.ok()) << stream.status();
  FakeAnnounce& announce = **stream;
  index.log->Fill();
  // It was read before the queue was found to be full.
  announce.Write(OneBook(1, "one"));
  index.log->AwaitWaiting();
  EXPECT_EQ(*announce.Read(), 1u);
  announce.Write(OneBook(2, "two"));
  announce.Write(OneBook(3, "three"));
  // Other calls are answered meanwhile, and the stream stays where it is.
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(BooksAt(index, 0), ElementsAre("one"));
  }
  EXPECT_EQ(index.log->waiting(), 1u);
  index.log->GiveRoom();
  while (announce.acknowledged() < 3) ASSERT_TRUE(announce.Read().ok());
  EXPECT_THAT(BooksAt(index, 0), ElementsAre("one", "three", "two"));
}

// One Watch stream.
class WireWatch {
 public:
  WireWatch(v1::IndexService::Stub& stub, const v1::WatchRequest& request) {
    SetTimeout(context_, absl::Seconds(120));
    reader_ = stub.Watch(&context_, request);
  }
  ~WireWatch() {
    context_.TryCancel();
    v1::WatchResponse rest;
    while (reader_->Read(&rest)) {
    }
    reader_->Finish();
  }

  v1::WatchResponse Next() {
    if (events_.empty()) {
      v1::WatchResponse message;
      if (!reader_->Read(&message)) {
        // The test cannot go on.
        LogCritical("watch_ended", {{"why", FromGrpcStatus(reader_->Finish(), "the index")}});
        std::abort();
      }
      boot_id_ = message.boot_id();
      events_.assign(message.more().rbegin(), message.more().rend());
      message.clear_more();
      events_.push_back(std::move(message));
    }
    v1::WatchResponse event = std::move(events_.back());
    events_.pop_back();
    revision_ = event.revision();
    return event;
  }
  // Reads up to a book of this name.
  void ReadTo(const std::string& name) {
    while (Next().book_listed().listing().name() != name) continue;
  }
  // Asks for what comes after the last event.
  v1::WatchRequest GoOn() const {
    v1::WatchRequest request;
    request.set_from_revision(revision_);
    request.set_from_boot_id(boot_id_);
    return request;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  std::vector<v1::WatchResponse> events_;  // the next one last
  std::string boot_id_;
  uint64_t revision_ = 0;
};

TEST_F(ReplicasWireTest, AWatcherGoesOnAtAnotherReplica) {
  Index a = Start();
  Index b = Start();
  FakePeer peer(b.server->address());
  ASSERT_TRUE(peer.Register().ok());
  auto stream = peer.Announce();
  ASSERT_TRUE(stream.ok()) << stream.status();
  FakeAnnounce& announce = **stream;
  ASSERT_TRUE(announce.Present(1, "one", TestContent(1)).ok());

  v1::WatchRequest goes_on;
  {
    WireWatch watch(*a.stub, {});
    while (!watch.Next().has_snapshot_complete()) continue;
    ASSERT_TRUE(announce.Present(2, "two", TestContent(2)).ok());
    watch.ReadTo("two");
    goes_on = watch.GoOn();
  }
  a.server->Stop();
  ASSERT_TRUE(announce.Present(3, "three", TestContent(3)).ok());
  {
    WireWatch watch(*b.stub, goes_on);
    v1::WatchResponse event = watch.Next();
    EXPECT_TRUE(event.has_resumed()) << event.ShortDebugString();
    EXPECT_EQ(event.revision(), goes_on.from_revision());
    EXPECT_EQ(watch.Next().book_listed().listing().name(), "two") << "of the same revision";
    EXPECT_EQ(watch.Next().book_listed().listing().name(), "three");
    ASSERT_TRUE(announce.Present(4, "four", TestContent(4)).ok());
    EXPECT_EQ(watch.Next().book_listed().listing().name(), "four");
    goes_on = watch.GoOn();
  }
  // A replica that has joined since then has not what was before.
  Index c = Start();
  {
    WireWatch watch(*c.stub, goes_on);
    EXPECT_TRUE(watch.Next().has_peer_listed()) << "a snapshot";
    while (!watch.Next().has_snapshot_complete()) continue;
  }
  // Revisions of another log mean nothing.
  goes_on.set_from_boot_id(std::string(16, 'x'));
  WireWatch watch(*b.stub, goes_on);
  EXPECT_TRUE(watch.Next().has_peer_listed());
}

TEST_F(ReplicasWireTest, AReplicaThatIsBehindDoesNotResumeBeforeItHasCaughtUp) {
  Index a = Start();
  Index b = Start();
  FakePeer peer(a.server->address());
  ASSERT_TRUE(peer.Register().ok());
  auto stream = peer.Announce();
  ASSERT_TRUE(stream.ok()) << stream.status();
  v1::WatchRequest goes_on;
  {
    WireWatch watch(*a.stub, {});
    while (!watch.Next().has_snapshot_complete()) continue;
    engine_.Hold(b.log->replica(), true);
    ASSERT_TRUE((*stream)->Present(1, "one", TestContent(1)).ok());
    watch.ReadTo("one");
    goes_on = watch.GoOn();
  }
  grpc::ClientContext context;
  const auto reader = b.stub->Watch(&context, goes_on);
  v1::WatchResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(GetReason(FromGrpcStatus(reader->Finish(), "the index")), Reason::kIndexBehind);
  engine_.Hold(b.log->replica(), false);
  WireWatch watch(*b.stub, goes_on);
  EXPECT_TRUE(watch.Next().has_resumed());
  EXPECT_EQ(watch.Next().book_listed().listing().name(), "one");
}

}  // namespace
}  // namespace arkshare
