#include "services/peer/session/announce_stream.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <thread>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

// An index answers every message. One that says nothing for a lease and this, in which the peer has
// sent heartbeats, has stopped working.
constexpr absl::Duration kAnswerPatience = absl::Minutes(1);

AnnounceStream::End EndAfter(Reason failure) {
  using End = AnnounceStream::End;
  switch (failure) {
    case Reason::kAnswerInvalid:
      return End::kContractBroken;
    case Reason::kSessionSuperseded:
      return End::kSuperseded;
    case Reason::kIndexUnreachable:
    case Reason::kShuttingDown:  // perhaps for a restart, which the session survives
    case Reason::kStreamReplaced:
    case Reason::kStoreUnreachable:  // another replica may be better off, or this one soon
    case Reason::kIndexBehind:
    case Reason::kStoreFull:
      return End::kBroken;
    case Reason::kLimitExceeded:  // this peer had left out too few books
      return End::kOverLimit;
    default:
      return End::kSessionLost;  // for errors too: a new session announces everything again
  }
}

}  // namespace

AnnounceStream::AnnounceStream(Parts parts, absl::Duration lease)
    : parts_(std::move(parts)),
      lease_(lease),
      // With replicas, a message that waits for an answer for a third of the lease is enough.
      watch_(parts_.watchdog,
             parts_.index->HasReplicas() ? lease_ * 2 / 3 : lease_ + kAnswerPatience,
             [this] { context_.TryCancel(); }) {
  parts_.index->AddToken(context_);
}

void AnnounceStream::Stop() {
  stopped_.store(true);
  context_.TryCancel();
}

AnnounceStream::End AnnounceStream::Run() {
  call_ = parts_.index->stub()->Announce(&context_);
  End wish = End::kBroken;
  const absl::StatusOr<bool> opened = Open();
  absl::Status objection = opened.status();  // to an answer
  if (opened.ok() && *opened) {
    std::thread reader([&] {
      objection = ReadAcknowledgements();
      if (!objection.ok()) context_.TryCancel();
      ended_.store(true);
      parts_.library->feed().Wake();
    });
    wish = Beat();
    const bool stop = stopped_.load();
    if (stop) call_->WritesDone();
    // After a recheck, acknowledgements of this stream must not count for the next session.
    if (stop || wish != End::kBroken) context_.TryCancel();
    reader.join();
  }
  if (!objection.ok()) context_.TryCancel();
  const grpc::Status status = call_->Finish();
  if (stopped_.load()) return End::kStopped;
  const std::string index = absl::StrCat("the index at ", parts_.index->address());
  if (!objection.ok()) return Failed(objection);
  if (wish != End::kBroken) return wish;
  if (watch_.expired()) {
    return Failed(MakeError(Reason::kIndexUnreachable,
                            absl::StrCat(index, " takes messages and does not answer them")));
  }
  return Failed(FromGrpcStatus(status, index, Reason::kIndexUnreachable));
}

absl::StatusOr<bool> AnnounceStream::Open() {
  v1::AnnounceResponse response;
  if (!call_->Read(&response)) return false;
  unreachable_ = response.unreachable();
  parts_.index->StreamOpened(response.revision());
  if (parts_.opened) parts_.opened(response.relay_port());
  const absl::StatusOr<bool> continues =
      parts_.statements->BeginStream(response.acknowledged_sequence());
  if (!continues.ok()) return continues.status();
  if (!*continues) {
    const std::vector<BookListing> library = parts_.library->feed().Start();
    parts_.statements->BeginAgain(library);
    LogInfo("index_restarted", {{"books", library.size()}});
  }
  return true;
}

absl::Status AnnounceStream::ReadAcknowledgements() {
  v1::AnnounceResponse acknowledgement;
  while (call_->Read(&acknowledgement)) {
    const bool reach_changed = acknowledgement.unreachable() != unreachable_;
    unreachable_ = acknowledgement.unreachable();
    parts_.index->Heard(acknowledgement.revision());
    absl::Status taken = parts_.statements->Acknowledge(
        acknowledgement.acknowledged_sequence(),
        reach_changed || acknowledgement.has_members() || acknowledgement.calls_size() > 0);
    if (!taken.ok()) return taken;
    if (acknowledgement.has_members() && parts_.membership != nullptr) {
      absl::Status applied = parts_.membership->Apply(acknowledgement.members());
      if (!applied.ok()) return applied;
    }
    if (parts_.calls != nullptr) {
      for (const auto& call : acknowledgement.calls()) {
        parts_.calls->Answer(call.call_id(), call.caller(), call.address());
      }
    }
    watch_.Progress();
    parts_.state->Acknowledged(!acknowledgement.unreachable(), parts_.clock->Now());
  }
  return absl::OkStatus();
}

AnnounceStream::End AnnounceStream::Beat() {
  const absl::Duration beat = lease_ / 3;
  bool sent = Send(/*snapshot_complete=*/true, /*at_least_one=*/true);
  absl::Time next_beat = Now() + beat;
  while (sent && !ended_.load() && !stopped_.load()) {
    if (parts_.replaced && parts_.replaced()) return End::kReplaced;
    if (parts_.recheck_timer->IsDue(Now())) return End::kRecheck;
    if (parts_.return_timer->IsDue(Now()) && parts_.index->EarlierAnswers()) return End::kReturn;
    const std::vector<Library::Change> changes =
        parts_.library->feed().Next(next_beat - Now(), kMaxItems);
    if (!changes.empty()) {
      parts_.statements->Add(changes);
      parts_.state->SetNotes(parts_.index->WhyNotFirst(), parts_.statements->Trouble());
    }
    const bool beat_due = Now() >= next_beat;
    if (parts_.statements->all_taken() && !beat_due) continue;
    sent = Send(/*snapshot_complete=*/false, beat_due);
    next_beat = Now() + beat;
  }
  return End::kBroken;
}

bool AnnounceStream::Send(bool snapshot_complete, bool at_least_one) {
  // The snapshot is sent once, and first.
  bool first_message = snapshot_complete;
  while (at_least_one || !parts_.statements->all_taken()) {
    v1::AnnounceRequest request;
    const bool last = parts_.statements->TakeNext(request);
    request.set_snapshot_complete(snapshot_complete && last);
    if (first_message && parts_.membership != nullptr) {
      const SignedVersion known = parts_.membership->version_to_announce();
      request.set_members_version(known.version);
      request.set_members_digest(known.digest);
      request.set_members_signature(known.signature);
    }
    if (first_message && parts_.local_address) {
      request.set_local_address(parts_.local_address());
    }
    first_message = false;
    const UploadLoad load = parts_.upload_load();
    request.set_free_slots(static_cast<uint32_t>(load.free_slots));
    request.set_upload_limit(load.limit);
    if (parts_.silent_peers) {
      for (const PublicKey& key : parts_.silent_peers()) {
        request.add_silent_public_keys(key.bytes());
      }
    }
    if (!call_->Write(request)) return false;
    at_least_one = false;
  }
  return true;
}

AnnounceStream::End AnnounceStream::Failed(const absl::Status& why) {
  parts_.state->SetTrouble(std::string(why.message()));
  LogInfo("announce_ended", {{"why", why}});
  return EndAfter(GetReason(why));
}

}  // namespace arkshare
