// Clients that call the index of arkshare-bench-index-search, and measure how long each call takes.
#ifndef ARKSHARE_BENCH_SEARCH_LOAD_H_
#define ARKSHARE_BENCH_SEARCH_LOAD_H_

#include <absl/time/time.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/mutex.h"

namespace arkshare::bench {

// A call measures gRPC itself, a search that takes no time, or a search by name.
enum class What { kEmpty, kReady, kExact };

struct Figures {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Makes calls: either a constant number at a time, or a constant number a second; then the time of
// a call counts from the moment when it was due. A call that fails ends the process. Not
// thread-safe.
class SearchLoad {
 public:
  // `names` are searched for, and must outlive it.
  SearchLoad(const std::string& address, const std::vector<std::string>& names);

  Figures RunOutstanding(What what, int outstanding, absl::Duration time);
  // Runs until `stop`, which gets the time since the beginning, returns true.
  Figures RunRate(What what, double rate, const std::function<bool(absl::Duration)>& stop);

 private:
  struct Slot {
    size_t number = 0;
    std::optional<grpc::ClientContext> context;
    v1::SearchRequest search;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    std::minstd_rand random;
    absl::Time due;
    std::vector<float> times_us;
  };

  void Begin(What what);
  Slot* TakeFree();
  void Call(Slot& slot);
  void Done(Slot& slot, const grpc::Status& status);
  Figures End(absl::Duration time);

  const std::vector<std::string>& names_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Slot> slots_;
  What what_ = What::kEmpty;
  std::atomic<bool> again_ = false;
  std::atomic<int> running_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Slot*> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare::bench

#endif  // ARKSHARE_BENCH_SEARCH_LOAD_H_
