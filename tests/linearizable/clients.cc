#include "tests/linearizable/clients.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"
#include "tests/linearizable/library.h"

namespace arkshare {
namespace {

using Kind = IndexCall::Kind;
using Random = std::mt19937_64;

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr size_t kMostMovesTogether = 3;

void Must(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return;
  std::cerr << what << " failed: " << status << std::endl;
  std::abort();
}

bool IsRefusal(const absl::Status& status) {
  return GetReason(status) == Reason::kSessionUnknown ||
         GetReason(status) == Reason::kSessionSuperseded;
}

ContentId ContentOfBook(size_t book) { return TestContent(1 + book); }

// Each peer has its own name for a book, so that a move changes the name.
BookListing ListingOf(size_t peer, uint64_t number, size_t book) {
  const std::string name = absl::StrCat("book ", book, " of ", peer);
  return {number, BookName::Parse(name).value(), ContentOfBook(book)};
}

class Recorder {
 public:
  uint64_t Begin() { return ++time_; }
  void End(uint64_t begin, IndexCall call) {
    const uint64_t end = ++time_;
    MutexLock lock(&mutex_);
    history_.push_back({begin, end, std::move(call)});
  }
  uint64_t NewSession() { return ++sessions_; }
  std::vector<Timed<IndexCall>> Take() {
    MutexLock lock(&mutex_);
    return std::move(history_);
  }

 private:
  std::atomic<uint64_t> time_ = 0;
  std::atomic<uint64_t> sessions_ = 0;
  Mutex mutex_;
  std::vector<Timed<IndexCall>> history_ ABSL_GUARDED_BY(mutex_);
};

class Peer {
 public:
  Peer(size_t number, const Workload& workload, const std::string& index, Recorder* recorder)
      : number_(number), workload_(workload), recorder_(*recorder), peer_(index) {}

  std::string key() const { return peer_.key().public_key().bytes(); }

  // Begins and ends sessions, states and deletes books. The last session stays.
  void Live() {
    Random random(workload_.seed * 1'000 + number_);
    Join();
    for (int step = 0; step < workload_.steps; ++step) {
      switch (random() % 10) {
        case 0:
          Unregister();
          Join();
          break;
        case 1:
          Join();
          break;
        case 2:
          Hide();
          Show();
          break;
        case 3:
        case 4:
          Delete(random());
          break;
        default:
          if (library_.full()) {
            Delete(random());
          } else {
            Add(random() % workload_.books);
          }
      }
    }
  }

  // Receives books from the other peers until no peer `lives` any more.
  void Receive(const std::vector<std::unique_ptr<Peer>>& all, const std::atomic<int>& lives) {
    Random random(workload_.seed * 1'000 + 500 + number_);
    while (lives > 0) {
      Peer& source = *all[random() % all.size()];
      if (&source != this && !library_.full()) ReceiveFrom(source, random);
    }
  }

 private:
  struct Session {
    uint64_t number = 0;
    std::string token;
  };

  Session session() const {
    MutexLock lock(&mutex_);
    return session_;
  }

  void Join() {
    IndexCall call{.kind = Kind::kRegister, .peer = number_, .session = recorder_.NewSession()};
    const uint64_t begin = recorder_.Begin();
    const auto response = peer_.Register();
    Must(response.status(), "Register");
    const uint64_t number = call.session;
    recorder_.End(begin, std::move(call));
    {
      MutexLock lock(&mutex_);
      session_ = {number, response->session_token()};
    }
    stream_.reset();
    Show();
    std::vector<IndexCall::Item> items;
    for (const auto& [listing, entry] : library_.All()) items.push_back({entry.book, listing, {}});
    State(std::move(items), /*snapshot_complete=*/true);
  }

  void Unregister() {
    const uint64_t number = session().number;
    const uint64_t begin = recorder_.Begin();
    Must(peer_.Unregister(), "Unregister");
    recorder_.End(begin, {.kind = Kind::kUnregister, .peer = number_, .session = number});
  }

  void Show() {
    const uint64_t number = session().number;
    const uint64_t begin = recorder_.Begin();
    auto stream = peer_.Announce();
    Must(stream.status(), "Announce");
    stream_ = *std::move(stream);
    recorder_.End(begin, {.kind = Kind::kShow, .peer = number_, .session = number});
  }

  void Hide() {
    const uint64_t number = session().number;
    const uint64_t begin = recorder_.Begin();
    Must(stream_->Finish(), "the end of Announce");
    recorder_.End(begin, {.kind = Kind::kHide, .peer = number_, .session = number});
  }

  void Add(size_t book) { State({{book, library_.Add(book, /*settled=*/true), {}}}); }

  void Delete(size_t skip) {
    const auto taken = library_.TakeSome(skip);
    if (taken.has_value()) State({{taken->second, {}, Holding(number_, taken->first)}});
  }

  void State(std::vector<IndexCall::Item> items, bool snapshot_complete = false) {
    std::vector<v1::Statement> statements;
    for (const IndexCall::Item& item : items) {
      statements.push_back(item.present.has_value()
                               ? PresentStatement(ListingOf(number_, *item.present, item.book))
                               : GoneStatement(item.gone->second));
    }
    IndexCall call{.kind = Kind::kState,
                   .peer = number_,
                   .session = session().number,
                   .items = std::move(items)};
    const uint64_t begin = recorder_.Begin();
    Must(stream_->State(statements, snapshot_complete), "a statement");
    recorder_.End(begin, std::move(call));
  }

  void ReceiveFrom(Peer& source, Random& random) {
    v1::UpdateOwnerRequest request;
    std::vector<IndexCall::Item> items;
    const size_t most = 1 + random() % kMostMovesTogether;
    for (size_t i = 0; i < most; ++i) {
      const auto taken = source.library_.TakeSome(random());
      if (!taken.has_value()) continue;
      const auto& [listing, book] = *taken;
      const uint64_t received = library_.Add(book, /*settled=*/false);
      v1::UpdateOwnerRequest::Item& item = *request.add_items();
      *item.mutable_ticket() = ToProto(source.peer_.Release(listing, ContentOfBook(book), peer_));
      *item.mutable_new_listing() = ToProto(ListingOf(number_, received, book));
      items.push_back({book, received, Holding(source.number_, listing)});
    }
    if (items.empty()) return;
    // A peer that owns a book repeats the call until the index knows it.
    while (!UpdateOwner(request, items)) {
    }
    for (const IndexCall::Item& item : items) library_.Settle(*item.present);
  }

  // Returns false when the index did not know the session.
  bool UpdateOwner(const v1::UpdateOwnerRequest& request,
                   const std::vector<IndexCall::Item>& items) {
    const Session now = session();
    grpc::ClientContext context;
    SetTimeout(context, kTimeout);
    context.AddMetadata("authorization", absl::StrCat("Bearer ", now.token));
    v1::UpdateOwnerResponse response;
    IndexCall call{
        .kind = Kind::kUpdateOwner, .peer = number_, .session = now.number, .items = items};
    const uint64_t begin = recorder_.Begin();
    const absl::Status status =
        FromGrpcStatus(peer_.index().UpdateOwner(&context, request, &response), "the index");
    call.refused = IsRefusal(status);
    if (!call.refused) Must(status, "UpdateOwner");
    const bool refused = call.refused;
    recorder_.End(begin, std::move(call));
    for (const auto& result : response.results()) Must(FromItemError(result.error()), "a move");
    return !refused;
  }

  const size_t number_;
  const Workload& workload_;
  Recorder& recorder_;
  FakePeer peer_;
  FakeLibrary library_;
  std::unique_ptr<FakeAnnounce> stream_;
  mutable Mutex mutex_;
  Session session_ ABSL_GUARDED_BY(mutex_);
};

std::vector<Holding> HoldersOf(const v1::SearchResponse& response,
                               const std::vector<std::string>& keys) {
  std::vector<Holding> holders;
  for (const v1::SearchResponse::Result& result : response.results()) {
    for (const v1::Holder& holder : result.holders()) {
      const auto place = std::find(keys.begin(), keys.end(), holder.public_key());
      holders.emplace_back(static_cast<size_t>(place - keys.begin()), holder.listing_number());
    }
  }
  std::sort(holders.begin(), holders.end());
  return holders;
}

class Searcher {
 public:
  Searcher(size_t number, const Workload& workload, const std::vector<std::string>& indexes,
           std::vector<std::string> keys, Recorder* recorder)
      : random_(workload.seed * 1'000 + 900 + number),
        books_(workload.books),
        keys_(std::move(keys)),
        recorder_(*recorder) {
    for (const std::string& index : indexes) {
      stubs_.push_back(
          v1::IndexService::NewStub(MakeChannel(index, grpc::InsecureChannelCredentials())));
    }
  }

  // Searches until no peer `lives` any more.
  void Search(const std::atomic<int>& lives) {
    while (lives > 0) SearchFor(random_() % books_);
  }

 private:
  void SearchFor(size_t book) {
    grpc::ClientContext context;
    SetTimeout(context, kTimeout);
    v1::SearchRequest request;
    *request.mutable_content() = ToProto(ContentOfBook(book));
    request.set_linearizable(stubs_.size() > 1);
    v1::IndexService::Stub& index = *stubs_[random_() % stubs_.size()];
    v1::SearchResponse response;
    const uint64_t begin = recorder_.Begin();
    Must(FromGrpcStatus(index.Search(&context, request, &response), "the index"), "Search");
    recorder_.End(begin,
                  {.kind = Kind::kSearch, .book = book, .found = HoldersOf(response, keys_)});
  }

  Random random_;
  const size_t books_;
  const std::vector<std::string> keys_;  // of the peers, in order
  Recorder& recorder_;
  std::vector<std::unique_ptr<v1::IndexService::Stub>> stubs_;
};

}  // namespace

std::vector<Timed<IndexCall>> RunClients(const std::vector<std::string>& index_addresses,
                                         const Workload& workload) {
  Recorder recorder;
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < workload.peers; ++i) {
    const std::string& index = index_addresses[i % index_addresses.size()];
    peers.push_back(std::make_unique<Peer>(i, workload, index, &recorder));
  }
  std::vector<std::string> keys;
  for (const auto& peer : peers) keys.push_back(peer->key());
  std::vector<std::unique_ptr<Searcher>> searchers;
  for (size_t i = 0; i < workload.searchers; ++i) {
    searchers.push_back(std::make_unique<Searcher>(i, workload, index_addresses, keys, &recorder));
  }

  std::atomic<int> lives = static_cast<int>(workload.peers);
  std::vector<std::thread> threads;
  for (const auto& peer : peers) {
    threads.emplace_back([&] {
      peer->Live();
      --lives;
    });
    threads.emplace_back([&] { peer->Receive(peers, lives); });
  }
  for (const auto& searcher : searchers) {
    threads.emplace_back([&] { searcher->Search(lives); });
  }
  for (std::thread& thread : threads) thread.join();
  return recorder.Take();
}

}  // namespace arkshare
