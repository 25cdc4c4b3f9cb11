// ReplicatedSessions: streams, claims and statements.
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/errors.h"
#include "services/index/replica/replicated_sessions.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

absl::Status NoSequence() {
  return MakeError(Reason::kInvalidField, "first_sequence must be 1 or more");
}

absl::Status Gap(uint64_t next) {
  return MakeError(Reason::kSequenceGap,
                   absl::StrCat("statement ", next, " is missing: open a new stream and repeat ",
                                "what it says is not acknowledged"));
}

}  // namespace

template <typename Result>
void ReplicatedSessions::WhyNotHere(const std::string& token, Done<Result> done) {
  Look(token, [done](const absl::StatusOr<SharedSession>& found) {
    done(found.ok() ? StreamReplaced() : found.status());
  });
}

// --- the claim

void ReplicatedSessions::OpenStream(const std::string& token, const std::string& host,
                                    EndStream end_stream, TellReached tell,
                                    Done<StreamStart> done) {
  Look(token, [=, this](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    if (absl::Status s = CheckHost(found->record.seen_at(), host); !s.ok()) return done(s);
    if (found->epoch >= log_->founded()) return Open(*found, token, end_stream, tell, done);
    // It is from a backup, and its peer may have been told more than that has.
    PutBack(*found, [=, this](const absl::StatusOr<SharedSession>& again) {
      if (!again.ok()) return done(again.status());
      Open(*again, token, end_stream, tell, done);
    });
  });
}

void ReplicatedSessions::Open(const SharedSession& session, const std::string& token,
                              EndStream end_stream, TellReached tell, Done<StreamStart> done) {
  SeatPtr seat;
  uint64_t stream_id = 0;
  // Answers when the claim was folded: the roster has then folded all earlier pages, too.
  const auto opened = [this, token, done](const SeatPtr& opened_seat, uint64_t id) {
    const std::optional<SharedSession> now = roster_.Find(opened_seat->key);
    StreamStart start{id, 0, static_cast<uint64_t>(log_->applied())};
    {
      MutexLock lock(&mutex_);
      if (now.has_value() && now->epoch == opened_seat->epoch && opened_seat->stream_id == id &&
          opened_seat->end_stream) {
        opened_seat->sent_through = now->through;
        opened_seat->sent_complete = now->complete;
        start.acknowledged = opened_seat->proven ? now->through : opened_seat->unstored_through;
      } else {
        start.stream_id = 0;
      }
    }
    if (start.stream_id == 0) return WhyNotHere<StreamStart>(token, done);
    done(start);
  };
  bool provisional = false;
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    seat = SitLocked(session, token);
    if (seat->end_stream) {
      after_unlock.Do([end = std::move(seat->end_stream)] { end(StreamReplaced()); });
    }
    stream_id = seat->stream_id = next_stream_++;
    seat->end_stream = end_stream ? std::move(end_stream) : [](const absl::Status&) {};
    seat->tell = std::move(tell);
    if (!seat->answering && seat->tell) after_unlock.Do([tell = seat->tell] { tell(false); });
    seat->lease_holds = 0;
    table_.Renew(*seat, clock_->Monotonic());
    seat->wanted.set_replica(log_->replica());
    seat->wanted.set_stream(stream_id);
    seat->wanted.set_streaming(true);
    seat->dirty = seat->take = true;
    // It waits here until the log can be reached again: its peer is listed, and goes nowhere else.
    provisional = was_cut_off_;
    if (!provisional) {
      seat->waiting.push_back([this, seat, stream_id, opened, done](const absl::Status& written) {
        if (written.ok()) return opened(seat, stream_id);
        {
          MutexLock relock(&mutex_);
          if (seat->stream_id == stream_id) seat->end_stream = nullptr;
        }
        done(written);
      });
    }
  }
  if (provisional) return opened(seat, stream_id);
  Pump(seat);
}

void ReplicatedSessions::Pump(const SeatPtr& seat) {
  SharedLog::Write write;
  std::vector<Seat::Waiting> waiting;
  std::string value;
  bool take = false;
  {
    MutexLock lock(&mutex_);
    if (seat->busy || !seat->dirty) return;
    seat->busy = true;
    seat->dirty = false;
    take = std::exchange(seat->take, false);
    value = seat->wanted.SerializeAsString();
    waiting = std::exchange(seat->waiting, {});
    if (take) {
      write.guards.push_back({SessionKey(seat->key), seat->epoch});
    } else {
      write.guards.push_back({ClaimKey(seat->key), seat->claim_revision});
    }
  }
  write.changes.push_back({ClaimKey(seat->key), value});
  write.chain = seat->key.hex();
  log_->Commit(std::move(write), [this, seat, take, value,
                                  waiting](const absl::StatusOr<SharedLog::Outcome>& outcome) {
    ClaimWritten(seat, take, value, waiting, outcome);
  });
}

void ReplicatedSessions::ClaimWritten(const SeatPtr& seat, bool take, const std::string& value,
                                      const std::vector<Seat::Waiting>& waiting,
                                      const absl::StatusOr<SharedLog::Outcome>& outcome) {
  const std::optional<SharedSession> now = roster_.Find(seat->key);
  {
    AfterUnlock after_unlock;
    MutexLock lock(&mutex_);
    seat->busy = false;
    for (const Seat::Waiting& next : waiting) {
      after_unlock.Do([next, status = outcome.status()] { next(status); });
    }
    for (Seat::Waiting& next : std::exchange(seat->when_free, {})) {
      after_unlock.Do([next = std::move(next)] { next(absl::OkStatus()); });
    }
    if (!outcome.ok()) {
      // It is written when the log can be reached again.
      seat->dirty = true;
      seat->take = seat->take || take;
      return;
    }
    if (outcome->made) {
      seat->claim_revision = outcome->revision;
    } else if (!take && outcome->found[0].value == value) {
      // The answer to an earlier try was lost.
      seat->claim_revision = outcome->found[0].revision;
    }
    const bool here =
        now.has_value() && now->epoch == seat->epoch && now->claim.replica() == log_->replica();
    if (!here && !seat->take && table_.FindByKey(seat->key) == seat) {
      LeaveLocked(seat, StreamReplaced(), after_unlock);
    }
  }
  Pump(seat);
}

void ReplicatedSessions::CloseStream(const std::string& token, uint64_t stream_id,
                                     std::function<void()> done) {
  SeatPtr seat;
  {
    MutexLock lock(&mutex_);
    if (!stopping_) seat = FindStreamLocked(token, stream_id);
    if (seat != nullptr) {
      seat->end_stream = nullptr;
      seat->tell = nullptr;
      // Messages that wait are not applied any more; from now on the peer is silent.
      if (std::exchange(seat->lease_holds, 0) > 0) table_.Renew(*seat, clock_->Monotonic());
      seat->wanted.set_streaming(false);
      seat->dirty = true;
      seat->waiting.push_back([done](const absl::Status&) { done(); });
    }
  }
  if (seat == nullptr) return done();
  Pump(seat);
}

void ReplicatedSessions::HoldLease(const std::string& token, uint64_t stream_id) {
  MutexLock lock(&mutex_);
  if (const SeatPtr seat = FindStreamLocked(token, stream_id)) ++seat->lease_holds;
}

void ReplicatedSessions::ReleaseLease(const std::string& token, uint64_t stream_id) {
  MutexLock lock(&mutex_);
  const SeatPtr seat = FindStreamLocked(token, stream_id);
  if (seat == nullptr || seat->lease_holds == 0) return;
  --seat->lease_holds;
  // The message may have waited for a long time, but the peer was not silent.
  table_.Renew(*seat, clock_->Monotonic());
}

// --- statements

void ReplicatedSessions::Apply(const std::string& token, uint64_t stream_id,
                               Announcement announcement, Done<Applied> done) {
  SeatPtr seat;
  absl::Status refused;
  uint64_t repeated = 0;
  uint64_t unstored = 0;
  bool store = false;
  {
    MutexLock lock(&mutex_);
    seat = FindStreamLocked(token, stream_id);
    if (seat != nullptr) {
      const absl::Time now = clock_->Monotonic();
      table_.Renew(*seat, now);
      for (const PublicKey& silent : std::exchange(announcement.silent, {})) {
        if (!seat->reports.Pay(now)) break;
        reached_.Report(silent, now);
      }
      if (seat->wanted.free_slots() != announcement.free_slots ||
          seat->wanted.upload_limit() != announcement.upload_limit) {
        seat->wanted.set_free_slots(announcement.free_slots);
        seat->wanted.set_upload_limit(announcement.upload_limit);
        seat->dirty = true;
      }
      if (announcement.network.has_value() &&
          (seat->wanted.local_address() != announcement.local_address ||
           seat->wanted.network() != *announcement.network)) {
        seat->wanted.set_local_address(announcement.local_address);
        seat->wanted.set_network(*announcement.network);
        seat->dirty = true;
      }
      const size_t count = announcement.statements.size();
      uint64_t& through = seat->proven ? seat->sent_through : seat->unstored_through;
      if (count > 0) {
        if (announcement.first_sequence == 0) refused = NoSequence();
        if (announcement.first_sequence > through + 1) refused = Gap(through + 1);
        if (refused.ok()) {
          repeated = std::min<uint64_t>(count, through + 1 - announcement.first_sequence);
        }
      }
      const bool completes = announcement.snapshot_complete && !seat->sent_complete;
      if (!seat->proven) {
        // It is never listed, and may have invented everything.
        if (refused.ok()) unstored = through += count - repeated;
      } else {
        store = repeated < count || completes;
      }
      if (refused.ok() && store && was_cut_off_) {
        const auto waits = std::make_shared<Announcement>(std::move(announcement));
        seat->deferred.push_back(
            [this, token, stream_id, waits, done] { Apply(token, stream_id, *waits, done); });
        return;
      }
    }
  }
  if (seat == nullptr) return WhyNotHere<Applied>(token, done);
  Pump(seat);
  if (!refused.ok()) return done(refused);
  if (!store) {
    const uint64_t revision = static_cast<uint64_t>(log_->applied());
    return done(
        Applied{seat->proven ? roster_.Through(seat->key, seat->epoch) : unstored, revision});
  }

  const auto rest = absl::MakeSpan(announcement.statements).subspan(repeated);
  const Catalog::Checked checked = catalog_->Check(seat->books.shelf(), rest);
  const bool complete = announcement.snapshot_complete && checked.status.ok();
  if (checked.count == 0 && !complete) return done(checked.status);
  uint64_t first = 0;
  {
    MutexLock lock(&mutex_);
    first = seat->sent_through + 1;
    seat->sent_through += checked.count;
    seat->sent_complete = seat->sent_complete || complete;
  }
  WritePage(
      seat, stream_id, MakePage(first, rest.first(checked.count), complete, checked.known),
      [this, seat, token, status = checked.status, done](const absl::StatusOr<int64_t>& revision) {
        if (!revision.ok()) return done(revision.status());
        if (*revision == 0) return WhyNotHere<Applied>(token, done);
        if (!status.ok()) return done(status);
        done(Applied{roster_.Through(seat->key, seat->epoch), static_cast<uint64_t>(*revision)});
      });
}

void ReplicatedSessions::WritePage(const SeatPtr& seat, uint64_t stream_id,
                                   replica::PageRecord page,
                                   std::function<void(absl::StatusOr<int64_t>)> done) {
  HoldLease(seat->token, stream_id);
  SharedLog::Write write;
  write.guards.push_back({SessionKey(seat->key), seat->epoch});
  write.changes.push_back(
      {PageKey(seat->key, seat->epoch, log_->replica(), next_page_++), page.SerializeAsString()});
  write.chain = seat->key.hex();
  log_->Commit(std::move(write),
               [this, seat, stream_id, done](const absl::StatusOr<SharedLog::Outcome>& outcome) {
                 ReleaseLease(seat->token, stream_id);
                 if (!outcome.ok()) return done(outcome.status());
                 done(outcome->made ? outcome->revision : 0);
               });
}

}  // namespace arkshare
