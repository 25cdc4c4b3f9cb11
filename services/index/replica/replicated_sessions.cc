#include "services/index/replica/replicated_sessions.h"

#include "lib/core/log.h"
#include "services/index/replica/session_writes.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

// How long a call waits for a revision; after that, another replica may be faster.
constexpr absl::Duration kMostWait = absl::Seconds(1);

}  // namespace

ReplicatedSessions::ReplicatedSessions(Options options, const Clock* clock, Catalog* catalog,
                                       SharedLog* log)
    : lease_(options.lease),
      log_(log),
      roster_(catalog, {options.scope, options.relay_port}, this),
      seats_(options.lease, clock, catalog, &roster_, log),
      finder_(&seats_, &roster_, log),
      lost_(&roster_, &seats_, log),
      registrar_(options.scope, &roster_, &seats_, log),
      statements_(&seats_, &finder_, &roster_, catalog, log, &next_page_),
      moves_(&finder_, catalog, log, &next_page_) {}

void ReplicatedSessions::AwaitRevision(uint64_t revision, std::function<void(absl::Status)> done) {
  log_->Await(static_cast<int64_t>(revision), kMostWait,
              [done](const absl::StatusOr<int64_t>& reached) { done(reached.status()); });
}

void ReplicatedSessions::AwaitLatest(std::function<void(absl::Status)> done) {
  log_->Mark([done](const absl::StatusOr<int64_t>& reached) { done(reached.status()); });
}

// --- sessions

void ReplicatedSessions::BeginRegistration(Done<uint64_t> done) {
  log_->Mark([done](const absl::StatusOr<int64_t>& reached) {
    if (!reached.ok()) return done(reached.status());
    done(static_cast<uint64_t>(*reached));
  });
}

std::optional<ReachedPeer> ReplicatedSessions::FindRival(const PublicKey& key,
                                                         const std::string& address) {
  const std::optional<SharedSession> session = roster_.Find(key);
  if (!session.has_value() || !session->record.proven()) return std::nullopt;
  // Through the relay, any two may be different.
  if (!address.empty() && session->record.address() == address) return std::nullopt;
  return ReachedPeer{key, session->record.address(), session->record.order()};
}

void ReplicatedSessions::KeyOf(const std::string& token, Done<PublicKey> done) {
  finder_.Find(token, [done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    done(found->key);
  });
}

std::optional<replica::ReplicaRecord> ReplicatedSessions::RelayOf(const PublicKey& key) const {
  auto at = roster_.ReplicaOf(key);
  if (!at.has_value() || at->first == log_->replica() || at->second.relay_address().empty()) {
    return std::nullopt;
  }
  return std::move(at->second);
}

void ReplicatedSessions::WriteEnd(const SharedSession& session, SharedLog::Done done) {
  SharedLog::Write write = MakeEnd(session, /*guard_claim=*/false);
  write.chain = session.key.hex();
  log_->Commit(std::move(write), std::move(done));
}

void ReplicatedSessions::Unregister(const std::string& token,
                                    std::function<void(absl::Status)> done) {
  finder_.Find(token, [this, done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) {
      const bool gone = absl::IsUnauthenticated(found.status()) || absl::IsAborted(found.status());
      return done(gone ? absl::OkStatus() : found.status());
    }
    seats_.SetEndStatus(*found, absl::OkStatus());
    LogInfo("unregistered", {{"peer", found->record.peer_id()}});
    WriteEnd(*found,
             [done](const absl::StatusOr<SharedLog::Outcome>& outcome) { done(outcome.status()); });
  });
}

void ReplicatedSessions::EndOf(const PublicKey& key, const absl::Status& why) {
  const std::optional<SharedSession> session = roster_.Find(key);
  if (!session.has_value()) return;
  seats_.SetEndStatus(*session, why);
  WriteEnd(*session, [](const absl::StatusOr<SharedLog::Outcome>&) {});
}

absl::Duration ReplicatedSessions::Expire() {
  const bool live = log_->state() == SharedLog::State::kLive;
  seats_.SetCutOff(!live);
  if (live) lost_.PutBackAll();
  return seats_.Expire();
}

// --- streams

void ReplicatedSessions::OpenStream(const std::string& token, const std::string& host,
                                    EndStream end_stream, TellReached tell,
                                    Done<StreamStart> done) {
  finder_.Find(token, [=, this](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    if (absl::Status s = CheckHost(found->record.seen_at(), host); !s.ok()) return done(s);
    if (found->epoch >= log_->founded()) return Open(*found, token, end_stream, tell, done);
    // It is from a backup, and its peer may have been told more than that has.
    lost_.PutBack(*found, [=, this](const absl::StatusOr<SharedSession>& again) {
      if (!again.ok()) return done(again.status());
      Open(*again, token, end_stream, tell, done);
    });
  });
}

void ReplicatedSessions::Open(const SharedSession& session, const std::string& token,
                              EndStream end_stream, TellReached tell, Done<StreamStart> done) {
  const auto opened = [this, token, done](const absl::StatusOr<Seats::Stream>& stream) {
    if (!stream.ok()) return done(stream.status());
    const std::optional<SharedSession> now = roster_.Find(stream->seat->key);
    const uint64_t revision = static_cast<uint64_t>(log_->applied());
    const std::optional<uint64_t> acknowledged = seats_.BeginStatements(*stream, now);
    if (!acknowledged.has_value()) return finder_.FindWhyNotHere(token, done);
    done(StreamStart{stream->id, *acknowledged, revision});
  };
  seats_.OpenStream(session, token, std::move(end_stream), std::move(tell), opened);
}

void ReplicatedSessions::CloseStream(const std::string& token, uint64_t stream_id,
                                     std::function<void()> done) {
  if (stopping_) return done();
  seats_.CloseStream(token, stream_id, std::move(done));
}

// --- what the roster tells

void ReplicatedSessions::Ended(const PublicKey& key, int64_t epoch, const absl::Status& why) {
  seats_.Ended(key, epoch, why);
}

void ReplicatedSessions::Claimed(const PublicKey& key, int64_t epoch,
                                 const replica::ClaimRecord& claim) {
  seats_.Claimed(key, epoch, claim);
}

void ReplicatedSessions::Lost() {
  AfterUnlock after_kept;
  for (const SeatPtr& seat : seats_.LeaveAll(after_kept)) {
    std::optional<SharedSession> shared = roster_.Find(seat->key);
    if (shared.has_value() && shared->epoch == seat->epoch) {
      lost_.Keep(*std::move(shared), seat->token);
    }
  }
}

}  // namespace arkshare
