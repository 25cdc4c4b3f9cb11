#include "services/index/replica/statement_writer.h"

#include <memory>
#include <utility>

#include "services/index/replica/steps.h"

namespace arkshare {

void StatementWriter::Apply(const std::string& token, uint64_t stream_id, Announcement announcement,
                            Sessions::Done<Sessions::Applied> done) {
  const auto message = std::make_shared<Announcement>(std::move(announcement));
  const auto again = [=, this] {
    message->silent.clear();  // these were reported the first time
    Apply(token, stream_id, std::move(*message), done);
  };
  const Seats::Heard heard = seats_->Hear(token, stream_id, *message, again);
  if (heard.waits) return;
  const SeatPtr seat = heard.seat;
  if (seat == nullptr) return finder_->FindWhyNotHere(token, done);
  if (!heard.next.ok()) return done(heard.next.status());
  if (!heard.next->store) {
    const uint64_t revision = static_cast<uint64_t>(log_->applied());
    return done(Sessions::Applied{
        seat->proven ? roster_.Through(seat->key, seat->epoch) : heard.next->counted, revision});
  }

  const auto rest = absl::MakeSpan(message->statements).subspan(heard.next->repeated);
  const Catalog::Checked checked = catalog_.Check(seat->books.shelf(), rest);
  const bool complete = message->snapshot_complete && checked.status.ok();
  if (checked.count == 0 && !complete) return done(checked.status);
  const uint64_t first = seats_->Send(seat, checked.count, complete);
  WritePage(
      seat, stream_id, MakePage(first, rest.first(checked.count), complete, checked.known),
      [this, seat, token, status = checked.status, done](const absl::StatusOr<int64_t>& revision) {
        if (!revision.ok()) return done(revision.status());
        if (*revision == 0) return finder_->FindWhyNotHere(token, done);
        if (!status.ok()) return done(status);
        done(Sessions::Applied{roster_.Through(seat->key, seat->epoch),
                               static_cast<uint64_t>(*revision)});
      });
}

void StatementWriter::WritePage(const SeatPtr& seat, uint64_t stream_id, replica::PageRecord page,
                                std::function<void(absl::StatusOr<int64_t>)> done) {
  seats_->HoldLease(seat->token, stream_id);
  SharedLog::Write write;
  write.guards.push_back({SessionKey(seat->key), seat->epoch});
  write.changes.push_back({PageKey(seat->key, seat->epoch, log_->replica(), (*next_page_)++),
                           page.SerializeAsString()});
  write.chain = seat->key.hex();
  log_->Commit(std::move(write),
               [this, seat, stream_id, done](const absl::StatusOr<SharedLog::Outcome>& outcome) {
                 seats_->ReleaseLease(seat->token, stream_id);
                 if (!outcome.ok()) return done(outcome.status());
                 done(outcome->made ? outcome->revision : 0);
               });
}

}  // namespace arkshare
