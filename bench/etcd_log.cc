// Writes pages through the log of two replicas in etcd, and reads them back.
//
//   arkshare-bench-etcd-log ENDPOINTS PREFIX PAGES BYTES   prints a line of JSON
//
// ENDPOINTS as in EtcdOptions, separated by commas. Each page is guarded by the key of its session,
// as the pages of peers are; 64 sessions write at the same time. The prefix must be empty.
#include "services/index/etcd/etcd_log.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {
namespace {

constexpr int kSessions = 64;

// Counts what it is told, and keeps nothing.
class CountingFold : public LogFold {
 public:
  void Load(int64_t /*revision*/, std::vector<LogEntry> entries) override {
    MutexLock lock(&mutex_);
    keys_ = entries.size();
    loaded_ = true;
    changed_.NotifyAll();
  }
  void Step(int64_t /*revision*/, std::vector<LogEvent> /*events*/) override {}
  void Refounded() override {}
  size_t AwaitLoad() {
    MutexLock lock(&mutex_);
    while (!loaded_) changed_.Wait(&mutex_);
    return keys_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t keys_ ABSL_GUARDED_BY(mutex_) = 0;
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
};

using Answer = absl::StatusOr<SharedLog::Outcome>;

Answer CommitAndWait(SharedLog& log, SharedLog::Write write) {
  std::promise<Answer> promise;
  std::future<Answer> answer = promise.get_future();
  log.Commit(std::move(write), [&promise](Answer got) { promise.set_value(std::move(got)); });
  return answer.get();
}

// One session: writes its pages one after the other, each when the one before it was answered.
class Session {
 public:
  Session(SharedLog* log, int number, int pages, std::string page)
      : log_(log), name_(absl::StrCat("s/", number)), pages_(pages), page_(std::move(page)) {}

  bool Open() {
    SharedLog::Write write;
    write.changes.push_back({name_, "session"});
    const Answer answer = CommitAndWait(*log_, std::move(write));
    if (answer.ok()) epoch_ = answer->revision;
    return answer.ok();
  }
  void Begin() { Next(); }
  bool Await() { return done_.get_future().get(); }

 private:
  void Next() {
    if (written_ == pages_) return done_.set_value(true);
    SharedLog::Write write;
    write.guards.push_back({name_, epoch_});
    write.changes.push_back({absl::StrCat("c/", name_.substr(2), "/", written_++), page_});
    write.chain = name_;
    log_->Commit(std::move(write), [this](const Answer& answer) {
      if (!answer.ok() || !answer->made) return done_.set_value(false);
      Next();
    });
  }

  SharedLog* log_;
  const std::string name_;
  const int pages_;
  const std::string page_;
  int64_t epoch_ = 0;
  int written_ = 0;
  std::promise<bool> done_;
};

std::unique_ptr<EtcdLog> StartLog(const EtcdOptions& options, CountingFold& fold) {
  absl::StatusOr<std::unique_ptr<EtcdLog>> log =
      EtcdLog::Make(options, absl::Seconds(10), Clock::Real());
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return nullptr;
  }
  (*log)->Start(&fold);
  fold.AwaitLoad();
  SharedLog::Write mark;
  while (!CommitAndWait(**log, mark).ok()) {
    std::promise<void> moment;
    (*log)->Await(INT64_MAX, absl::Milliseconds(20),
                  [&moment](const absl::StatusOr<int64_t>&) { moment.set_value(); });
    moment.get_future().wait();
  }
  return *std::move(log);
}

double Seconds(absl::Time from) { return absl::ToDoubleSeconds(Clock::Real()->Monotonic() - from); }

int Run(const EtcdOptions& options, int pages, int bytes) {
  CountingFold folds[2];
  const std::unique_ptr<EtcdLog> logs[2] = {StartLog(options, folds[0]),
                                            StartLog(options, folds[1])};
  if (logs[0] == nullptr || logs[1] == nullptr) return 1;
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < kSessions; ++i) {
    sessions.push_back(std::make_unique<Session>(logs[i % 2].get(), i, pages / kSessions,
                                                 std::string(static_cast<size_t>(bytes), 'p')));
    if (!sessions.back()->Open()) return 1;
  }
  const absl::Time began = Clock::Real()->Monotonic();
  for (const auto& session : sessions) session->Begin();
  bool all = true;
  for (const auto& session : sessions) all = session->Await() && all;
  const double write_seconds = Seconds(began);
  const absl::Time joined = Clock::Real()->Monotonic();
  CountingFold late;
  const std::unique_ptr<EtcdLog> reader = StartLog(options, late);
  if (!all || reader == nullptr) return 1;
  const int written = pages / kSessions * kSessions;
  std::printf(
      "{\"pages\": %d, \"bytes\": %d, \"pages_per_second\": %.0f, \"transactions\": %llu, "
      "\"sent_again\": %llu, \"join_seconds\": %.2f, \"keys\": %zu}\n",
      written, bytes, written / write_seconds,
      static_cast<unsigned long long>(logs[0]->metrics().transactions +
                                      logs[1]->metrics().transactions),
      static_cast<unsigned long long>(logs[0]->metrics().sent_again +
                                      logs[1]->metrics().sent_again),
      Seconds(joined), late.AwaitLoad());
  return 0;
}

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) {
  int pages = 0;
  int bytes = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[3], &pages) || !absl::SimpleAtoi(argv[4], &bytes)) {
    std::fprintf(stderr, "usage: arkshare-bench-etcd-log ENDPOINTS PREFIX PAGES BYTES\n");
    return 2;
  }
  arkshare::EtcdOptions options;
  const auto endpoints = arkshare::ParseEtcdEndpoints(argv[1]);
  if (!endpoints.ok()) {
    std::fprintf(stderr, "%s\n", endpoints.status().ToString().c_str());
    return 2;
  }
  options.endpoints = *endpoints;
  options.prefix = argv[2];
  return arkshare::Run(options, pages, bytes);
}
