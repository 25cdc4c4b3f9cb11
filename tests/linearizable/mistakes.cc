#include "tests/linearizable/mistakes.h"

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/service/caller.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/sync_sessions.h"

namespace arkshare {
namespace {

// One in this many calls is handled wrongly.
constexpr uint64_t kSome = 5;
// How long to wait for a search that can see the mistake.
constexpr absl::Duration kPatience = absl::Milliseconds(20);

template <typename Message>
Message Parse(grpc::ByteBuffer bytes) {
  Message message;
  if (!grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok()) std::abort();
  return message;
}

grpc::ByteBuffer AllDone(const v1::UpdateOwnerRequest& request) {
  v1::UpdateOwnerResponse response;
  for (int i = 0; i < request.items_size(); ++i) response.add_results();
  const grpc::Slice bytes(response.SerializeAsString());
  return grpc::ByteBuffer(&bytes, 1);
}

std::vector<OwnerChange> ChangesOf(const v1::UpdateOwnerRequest& request) {
  std::vector<OwnerChange> changes;
  for (const v1::UpdateOwnerRequest::Item& item : request.items()) {
    const MoveTicket ticket = FromProto(item.ticket()).value();
    changes.push_back({ticket.body.source, ticket.body.source_listing,
                       StatementRecord::Present(FromProto(item.new_listing()).value())});
  }
  return changes;
}

}  // namespace

class MistakenIndex::Service : public IndexService {
 public:
  Service(Mistake mistake, Catalog* catalog, Sessions* sessions)
      : IndexService(Options(), catalog, sessions),
        mistake_(mistake),
        catalog_(*catalog),
        sessions_(sessions),
        nowhere_(catalog->Open(TestPeer(1'000'000, 1), /*reachable=*/false)) {}

  grpc::ServerUnaryReactor* UpdateOwner(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes,
                                        grpc::ByteBuffer* response) override {
    const auto request = Parse<v1::UpdateOwnerRequest>(*bytes);
    const std::string token = BearerToken(*context).value();
    const bool known = sessions_.KeyOf(token).ok();
    switch (mistake_) {
      case Mistake::kAnswersEarly: {
        if (!known) break;
        Later([this, token, changes = ChangesOf(request)] {
          sessions_.UpdateOwner(token, changes).IgnoreError();
        });
        *response = AllDone(request);
        return Answer(context, absl::OkStatus());
      }
      case Mistake::kTwoSteps:
        if (!known) break;
        MoveToNowhere(ChangesOf(request));
        AwaitSearch();
        break;
      case Mistake::kKeepsSource: {
        std::vector<OwnerChange> changes = ChangesOf(request);
        for (OwnerChange& change : changes) change.source = TestKey(1);
        const auto recorded = sessions_.UpdateOwner(token, changes);
        *response = AllDone(request);
        return Answer(context, recorded.status());
      }
      case Mistake::kLosesSome:
        if (!known || ++calls_ % kSome != 0) break;
        *response = AllDone(request);
        return Answer(context, absl::OkStatus());
      case Mistake::kAcceptsEndedSessions:
        if (known) break;
        *response = AllDone(request);
        return Answer(context, absl::OkStatus());
      default:
        break;
    }
    return IndexService::UpdateOwner(context, bytes, response);
  }

  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    const auto asked = Parse<v1::SearchRequest>(*request);
    if (mistake_ == Mistake::kSearchesStaleCopy) {
      MutexLock lock(&mutex_);
      const auto known = answers_.find(asked.content().root());
      if (known != answers_.end() && ++calls_ % kSome == 0) {
        *response = known->second;
        return Answer(context, absl::OkStatus());
      }
    }
    grpc::ServerUnaryReactor* reactor = IndexService::Search(context, request, response);
    if (mistake_ == Mistake::kSearchesStaleCopy) {
      MutexLock lock(&mutex_);
      answers_[asked.content().root()] = *response;
    }
    DoWhatWaits();
    searched_.NotifyAll();
    return reactor;
  }

  grpc::ServerUnaryReactor* Unregister(grpc::CallbackServerContext* context,
                                       const v1::UnregisterRequest* request,
                                       v1::UnregisterResponse* response) override {
    if (mistake_ == Mistake::kIgnoresUnregister) return Answer(context, absl::OkStatus());
    return IndexService::Unregister(context, request, response);
  }

 private:
  void Later(std::function<void()> action) {
    MutexLock lock(&mutex_);
    waiting_.push_back(std::move(action));
  }
  void DoWhatWaits() {
    std::vector<std::function<void()>> actions;
    {
      MutexLock lock(&mutex_);
      actions.swap(waiting_);
    }
    for (const std::function<void()>& action : actions) action();
  }
  void MoveToNowhere(std::vector<OwnerChange> changes) {
    for (OwnerChange& change : changes) {
      change.receiver.number = change.receiver.present->number = ++moved_to_nowhere_;
    }
    catalog_.UpdateOwner(nowhere_, changes);
  }
  void AwaitSearch() {
    MutexLock lock(&mutex_);
    searched_.WaitFor(&mutex_, kPatience);
  }

  const Mistake mistake_;
  Catalog& catalog_;
  SyncSessions sessions_;
  const Catalog::ShelfPtr nowhere_;  // hidden: a book on it is not found
  std::atomic<uint64_t> moved_to_nowhere_ = 0;
  std::atomic<uint64_t> calls_ = 0;
  Mutex mutex_;
  CondVar searched_;
  std::vector<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, grpc::ByteBuffer> answers_ ABSL_GUARDED_BY(mutex_);
};

MistakenIndex::MistakenIndex(Mistake mistake)
    : catalog_(Catalog::Options()),
      sessions_({absl::Seconds(60), std::nullopt}, Clock::Real(), &catalog_),
      service_(std::make_unique<Service>(mistake, &catalog_, &sessions_)) {
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  auto server = RpcServer::Start(std::move(options), {service_.get()});
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
}

}  // namespace arkshare
