#include "services/index/replica/move_recorder.h"

#include <absl/container/flat_hash_map.h>

#include <utility>

#include "lib/core/errors.h"
#include "services/index/replica/steps.h"

namespace arkshare {
namespace {

// The sources of the moves of one write; a write has one change for each, and few others.
constexpr size_t kMostSources = 90;
// The books of one write, which are less than half of its most bytes.
constexpr size_t kMostReceived = 500;

}  // namespace

struct MoveRecorder::Recording {
  std::string token;
  SharedSession session;
  absl::Span<const OwnerChange> changes;
  Sessions::Recorded recorded;
  size_t next = 0;  // the first change that is not written yet
  Sessions::Done<Sessions::Recorded> done;
};

void MoveRecorder::UpdateOwner(const std::string& token, absl::Span<const OwnerChange> changes,
                               Sessions::Done<Sessions::Recorded> done) {
  finder_->Find(token, [this, token, changes, done](const absl::StatusOr<SharedSession>& found) {
    if (!found.ok()) return done(found.status());
    auto recording = std::make_shared<Recording>();
    recording->token = token;
    recording->session = *found;
    recording->changes = changes;
    recording->recorded.statuses = catalog_.CheckReceived(found->shelf, changes);
    recording->recorded.revision = static_cast<uint64_t>(log_->applied());
    recording->done = done;
    RecordSome(std::move(recording));
  });
}

std::optional<SharedLog::Write> MoveRecorder::MakeNext(Recording& recording) {
  const SharedSession& session = recording.session;
  replica::PageRecord page;
  absl::flat_hash_map<PublicKey, replica::GraveRecord> graves;
  for (size_t& i = recording.next; i < recording.changes.size(); ++i) {
    const OwnerChange& change = recording.changes[i];
    const absl::Status& status = recording.recorded.statuses[i];
    if (GetReason(status) == Reason::kInvalidField) continue;
    if (graves.size() >= kMostSources || page.statements_size() >= int{kMostReceived}) break;
    graves[change.source].add_listing_numbers(change.source_listing);
    replica::PageRecord::Origin& origin = *page.add_origins();
    origin.set_public_key(change.source.bytes());
    origin.set_listing_number(change.source_listing);
    if (!status.ok()) continue;
    page.add_statements(EncodeStatement(change.receiver));
    origin.set_statement(static_cast<uint32_t>(page.statements_size()));
  }
  if (graves.empty()) return std::nullopt;
  SharedLog::Write write;
  write.guards.push_back({SessionKey(session.key), session.epoch});
  // An unproven receiver is not listed; the owner of the source has signed the move all the same.
  if (session.record.proven()) {
    write.changes.push_back({PageKey(session.key, session.epoch, log_->replica(), (*next_page_)++),
                             page.SerializeAsString()});
  }
  for (const auto& [source, grave] : graves) {
    write.changes.push_back(
        {GraveKey(source, log_->replica(), (*next_page_)++), grave.SerializeAsString()});
  }
  write.chain = session.key.hex();
  return write;
}

void MoveRecorder::RecordSome(std::shared_ptr<Recording> recording) {
  std::optional<SharedLog::Write> write = MakeNext(*recording);
  if (!write.has_value()) return recording->done(std::move(recording->recorded));
  log_->Commit(
      *std::move(write), [this, recording](const absl::StatusOr<SharedLog::Outcome>& outcome) {
        if (!outcome.ok()) return recording->done(outcome.status());
        if (!outcome->made) {
          return finder_->Find(recording->token, [recording](const auto& found) {
            if (!found.ok()) return recording->done(found.status());
            recording->done(MakeError(Reason::kSessionUnknown, "the session has begun again"));
          });
        }
        recording->recorded.revision = static_cast<uint64_t>(outcome->revision);
        RecordSome(recording);
      });
}

}  // namespace arkshare
