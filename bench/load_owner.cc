#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdio>
#include <memory>

#include "bench/load_agenda.h"
#include "bench/load_index.h"
#include "bench/load_modes.h"
#include "bench/load_swarm.h"
#include "lib/core/clock.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

constexpr size_t kPeers = 200;
constexpr size_t kBooks = 1'000;  // of each
constexpr size_t kSingles = 100;  // of them move one by one
constexpr size_t kBatch = 100;
constexpr size_t kAtATime = 16;
constexpr size_t kAtATimeOfReplica = 64;  // a call waits for a transaction of etcd

struct Call {
  size_t peer = 0;  // the receiver
  v1::UpdateOwnerRequest request;
  v1::UpdateOwnerResponse response;
  std::unique_ptr<grpc::ClientContext> context;
};

// Moves books of a peer to the next peer, under one signature.
std::unique_ptr<Call> MakeCall(Swarm& swarm, size_t source, size_t first, size_t count) {
  auto call = std::make_unique<Call>();
  call->peer = (source + 1) % kPeers;
  SwarmPeer& from = swarm.peer(source);
  std::vector<TicketBody> bodies;
  for (size_t book = first; book < first + count; ++book) {
    bodies.push_back({TransferId::Random(), from.key().public_key(), book + 1,
                      swarm.peer(call->peer).key().public_key(), from.content(book)});
  }
  for (const MoveTicket& ticket : IssueTickets(from.key(), bodies)) {
    v1::UpdateOwnerRequest::Item& item = *call->request.add_items();
    *item.mutable_ticket() = ToProto(ticket);
    item.mutable_new_listing()->set_listing_number(kBooks + ticket.body.source_listing);
    item.mutable_new_listing()->set_name(
        absl::StrCat("from ", source, "/volume ", ticket.body.source_listing, ".epub"));
    *item.mutable_new_listing()->mutable_content() = ToProto(ticket.body.content);
  }
  return call;
}

// Makes some calls at a time until all have been answered.
class Caller {
 public:
  Caller(Swarm* swarm, size_t at_a_time, std::vector<std::unique_ptr<Call>> calls)
      : swarm_(*swarm), at_a_time_(at_a_time), calls_(std::move(calls)) {}

  void Run() {
    for (size_t i = 0; i < at_a_time_; ++i) Next();
    while (done_ < calls_.size()) absl::SleepFor(absl::Milliseconds(1));
  }
  uint64_t failed() const { return failed_; }

 private:
  // Tells the first cause on stderr.
  void Failed(const std::string& why, uint64_t items) {
    if (failed_.fetch_add(items) == 0) std::fprintf(stderr, "a move failed: %s\n", why.c_str());
  }
  void Next() {
    const size_t number = next_++;
    if (number >= calls_.size()) return;
    Call& call = *calls_[number];
    call.context = swarm_.peer(call.peer).NewCall();
    swarm_.peer(call.peer).stub()->async()->UpdateOwner(
        call.context.get(), &call.request, &call.response,
        [this, &call](const grpc::Status& status) {
          if (!status.ok()) {
            Failed(status.error_message(), static_cast<uint64_t>(call.request.items_size()));
          }
          for (const auto& result : call.response.results()) {
            if (result.has_error()) Failed(result.error().message(), 1);
          }
          Next();
          ++done_;
        });
  }

  Swarm& swarm_;
  const size_t at_a_time_;
  const std::vector<std::unique_ptr<Call>> calls_;
  std::atomic<size_t> next_ = 0;
  std::atomic<size_t> done_ = 0;
  std::atomic<uint64_t> failed_ = 0;
};

void Measure(const std::string& what, Swarm& swarm, const LoadIndex& index, size_t at_a_time,
             std::vector<std::unique_ptr<Call>> calls, size_t books_a_call) {
  const double books = static_cast<double>(calls.size() * books_a_call);
  Caller caller(&swarm, at_a_time, std::move(calls));
  const double cpu = index.CpuSeconds();
  const absl::Time begin = Now();
  caller.Run();
  const double seconds = absl::ToDoubleSeconds(Now() - begin);
  Tell(absl::StrCat(what, ", books a second"), books / seconds);
  Tell(absl::StrCat(what, ", books a CPU second of the index"), books / (index.CpuSeconds() - cpu));
  Tell(absl::StrCat(what, ", failed"), static_cast<double>(caller.failed()));
}

}  // namespace

void RunOwner(const LoadOptions& options) {
  LoadOptions in_memory = options;
  in_memory.state.clear();
  const LoadIndex index = StartLoadIndex(in_memory, absl::Seconds(60), "owner");
  // Never destroyed, because its streams would still call it.
  Swarm& swarm = *new Swarm({.indexes = {index.address()},
                             .peers = kPeers,
                             .books = kBooks,
                             .holders = 1,
                             .connections = 8});
  for (size_t i = 0; i < kPeers; ++i) swarm.peer(i).Join();
  if (!swarm.WaitOnline(kPeers, absl::Seconds(60))) return;

  std::vector<std::unique_ptr<Call>> singles;
  std::vector<std::unique_ptr<Call>> batches;
  // Calls that follow each other are of different peers: a peer makes few at a time.
  for (size_t book = 0; book < kSingles; ++book) {
    for (size_t source = 0; source < kPeers; ++source) {
      singles.push_back(MakeCall(swarm, source, book, 1));
    }
  }
  for (size_t book = kSingles; book < kBooks; book += kBatch) {
    for (size_t source = 0; source < kPeers; ++source) {
      batches.push_back(MakeCall(swarm, source, book, kBatch));
    }
  }
  const size_t at_a_time = options.etcd.empty() ? kAtATime : kAtATimeOfReplica;
  Measure("single moves", swarm, index, at_a_time, std::move(singles), 1);
  Measure("moves by 100", swarm, index, kAtATime, std::move(batches), kBatch);
}

}  // namespace arkshare
