// A replica of an index without its service, for tests.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_TEST_REPLICA_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_TEST_REPLICA_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/index/replica/janitor.h"
#include "services/index/replica/page_merger.h"
#include "services/index/replica/replicated_sessions.h"
#include "services/index/shared_log/testing/memory_log.h"
#include "services/index/testing/await.h"
#include "services/index/testing/sessions_fixture.h"

namespace arkshare {

// Its log is live when it is made.
class IndexReplica : public SessionsHost {
 public:
  using Wrap = std::function<std::unique_ptr<SharedLog>(std::unique_ptr<SharedLog>)>;

  IndexReplica(MemoryEngine* engine, FakeClock* clock, const Wrap& wrap = nullptr)
      : clock_(*clock),
        log_(wrap ? wrap(engine->MakeReplica()) : engine->MakeReplica()),
        catalog_(CatalogOptions()),
        sessions_({kTestLease, "this machine"}, clock, &catalog_, log_.get()),
        janitor_(kTestLease, clock, sessions_.roster(), log_.get()),
        merger_(clock, &catalog_, sessions_.roster(), log_.get()),
        sync_(&sessions_, [this] { Settle(); }) {
    log_->Start(sessions_.roster());
    AwaitRevision(1);
    Settle();
  }
  ~IndexReplica() override { log_->Stop(); }

  Sessions& sessions() override { return sessions_; }
  Catalog& catalog() override { return catalog_; }
  FakeClock& clock() override { return clock_; }
  // Everything that was committed before is folded here then.
  void Settle() override {
    Await<int64_t>([&](auto done) { log_->Mark(done); }).IgnoreError();
  }
  void AwaitRevision(int64_t revision) {
    Await<int64_t>([&](auto done) {
      log_->Await(revision, absl::Seconds(60), done);
    }).IgnoreError();
  }

  // Returns when the log has another birth, and was loaded.
  void AwaitBirthAfter(const std::string& birth) {
    while (log_->birth() == birth) std::this_thread::yield();
    Settle();
  }

  ReplicatedSessions& replicated() { return sessions_; }
  Roster& roster() { return *sessions_.roster(); }
  SyncSessions& sync() { return sync_; }
  Janitor& janitor() { return janitor_; }
  PageMerger& merger() { return merger_; }
  SharedLog& log() { return *log_; }
  const std::string& name() const { return log_->replica(); }
  // As if the process were killed: its streams are gone, and its key is there until Expire.
  void Kill() { log_->Stop(); }

  std::vector<std::string> BooksOf(uint32_t peer_id) {
    std::vector<std::string> names;
    const auto books = catalog_.ListBooks(peer_id, {}, 1000);
    if (!books.ok()) return {"no such peer"};
    for (const BookListing& book : *books) names.push_back(book.name.value());
    return names;
  }

  // Called after each change, by the thread of the log.
  std::function<void()> on_change;

 private:
  Catalog::Options CatalogOptions() {
    Catalog::Options options;
    options.shared = true;
    options.on_change = [this] {
      if (on_change) on_change();
    };
    return options;
  }

  FakeClock& clock_;
  const std::unique_ptr<SharedLog> log_;
  Catalog catalog_;
  ReplicatedSessions sessions_;
  Janitor janitor_;
  PageMerger merger_;
  SyncSessions sync_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_TEST_REPLICA_H_
