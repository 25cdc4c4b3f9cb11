#include "bench/search_load.h"

#include <absl/time/clock.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "arkshare/v1/file.pb.h"
#include "lib/rpc/channel.h"

namespace arkshare::bench {
namespace {

constexpr int kChannels = 2;

constexpr const char* kMethods[] = {"/arkshare.v1.FileService/Ping",
                                    "/arkshare.v1.FileService/GetManifest",
                                    "/arkshare.v1.IndexService/Search"};

}  // namespace

SearchLoad::SearchLoad(const std::string& address, const std::vector<std::string>& names)
    : names_(names), slots_(512) {
  KeepCallbackQueue();
  for (int i = 0; i < kChannels; ++i) {
    const std::shared_ptr<grpc::Channel> channel =
        MakeChannel(address, grpc::InsecureChannelCredentials());
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].number = i;
    slots_[i].random.seed(static_cast<uint32_t>(i));
  }
}

Figures SearchLoad::RunOutstanding(What what, int outstanding, absl::Duration time) {
  Begin(what);
  again_ = true;
  for (int i = 0; i < outstanding; ++i) {
    slots_[static_cast<size_t>(i)].due = absl::Now();
    Call(slots_[static_cast<size_t>(i)]);
  }
  absl::SleepFor(time);
  return End(time);
}

Figures SearchLoad::RunRate(What what, double rate,
                            const std::function<bool(absl::Duration)>& stop) {
  Begin(what);
  again_ = false;
  const absl::Time begin = absl::Now();
  uint64_t made = 0;
  absl::Duration passed;
  while (passed = absl::Now() - begin, !stop(passed)) {
    const auto due = static_cast<uint64_t>(absl::ToDoubleSeconds(passed) * rate) + 1;
    for (; made < due; ++made) {
      Slot* slot = TakeFree();
      slot->due = begin + absl::Seconds(static_cast<double>(made) / rate);
      Call(*slot);
    }
    absl::SleepFor(absl::Microseconds(50));
  }
  return End(passed);
}

void SearchLoad::Begin(What what) {
  what_ = what;
  for (Slot& slot : slots_) slot.times_us.clear();
  MutexLock lock(&mutex_);
  free_.clear();
  for (Slot& slot : slots_) free_.push_back(&slot);
}

SearchLoad::Slot* SearchLoad::TakeFree() {
  MutexLock lock(&mutex_);
  while (free_.empty()) changed_.Wait(&mutex_);
  Slot* slot = free_.back();
  free_.pop_back();
  return slot;
}

void SearchLoad::Call(Slot& slot) {
  ++running_;
  slot.context.emplace();
  const bool empty = what_ == What::kEmpty;
  if (!empty) slot.search.set_name(names_[slot.random() % names_.size()]);
  const grpc::Slice bytes(empty ? "" : slot.search.SerializeAsString());
  slot.request = grpc::ByteBuffer(&bytes, 1);
  stubs_[slot.number % kChannels]->UnaryCall(
      &*slot.context, kMethods[static_cast<size_t>(what_)], grpc::StubOptions(), &slot.request,
      &slot.response, [this, &slot](const grpc::Status& status) { Done(slot, status); });
}

void SearchLoad::Done(Slot& slot, const grpc::Status& status) {
  // All replies are read into one message, because sixty-four messages would not fit the cache.
  thread_local v1::PingResponse pong;
  thread_local v1::SearchResponse found;
  const bool good =
      status.ok() &&
      (what_ == What::kEmpty
           ? grpc::SerializationTraits<v1::PingResponse>::Deserialize(&slot.response, &pong).ok()
           : grpc::SerializationTraits<v1::SearchResponse>::Deserialize(&slot.response, &found)
                     .ok() &&
                 found.results_size() > 0);
  const absl::Time now = absl::Now();
  if (!good) {
    std::fprintf(stderr, "a call failed: %s\n", status.error_message().c_str());
    std::_Exit(1);
  }
  slot.times_us.push_back(static_cast<float>(absl::ToDoubleMicroseconds(now - slot.due)));
  if (again_) {
    slot.due = now;
    Call(slot);
  }
  MutexLock lock(&mutex_);
  if (!again_) free_.push_back(&slot);
  --running_;
  changed_.NotifyAll();
}

Figures SearchLoad::End(absl::Duration time) {
  std::vector<float> all;
  again_ = false;
  {
    MutexLock lock(&mutex_);
    while (running_ > 0) changed_.Wait(&mutex_);
  }
  for (const Slot& slot : slots_) {
    all.insert(all.end(), slot.times_us.begin(), slot.times_us.end());
  }
  std::sort(all.begin(), all.end());
  return {static_cast<double>(all.size()) / absl::ToDoubleSeconds(time), all[all.size() / 2],
          all[all.size() * 99 / 100]};
}

}  // namespace arkshare::bench
