// Sessions for tests: each call waits for its answer.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_SYNC_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_SYNC_SESSIONS_H_

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/sessions/sessions.h"
#include "services/index/testing/await.h"

namespace arkshare {

// The methods of Sessions, without `done`. Thread-safe.
class SyncSessions {
 public:
  // `settle` returns when what the calls without an answer have begun is done.
  explicit SyncSessions(
      Sessions* sessions, std::function<void()> settle = [] {})
      : sessions_(sessions), settle_(std::move(settle)) {}

  uint64_t BeginRegistration() {
    return Await<uint64_t>([&](auto done) { sessions_->BeginRegistration(done); }).value();
  }
  absl::StatusOr<Sessions::Registered> Register(Sessions::Registration registration) {
    return Await<Sessions::Registered>(
        [&](auto done) { sessions_->Register(std::move(registration), done); });
  }
  std::optional<ReachedPeer> FindRival(const PublicKey& key, const std::string& address) {
    return sessions_->FindRival(key, address);
  }
  absl::StatusOr<Sessions::StreamStart> OpenStream(const std::string& token,
                                                   const std::string& host, Sessions::EndStream end,
                                                   Sessions::TellReached tell = nullptr) {
    return Await<Sessions::StreamStart>(
        [&](auto done) { sessions_->OpenStream(token, host, end, tell, done); });
  }
  void HoldLease(const std::string& token, uint64_t stream_id) {
    sessions_->HoldLease(token, stream_id);
  }
  void ReleaseLease(const std::string& token, uint64_t stream_id) {
    sessions_->ReleaseLease(token, stream_id);
  }
  absl::StatusOr<uint64_t> Apply(const std::string& token, uint64_t stream_id,
                                 Announcement announcement) {
    const auto applied = Await<Sessions::Applied>(
        [&](auto done) { sessions_->Apply(token, stream_id, std::move(announcement), done); });
    if (!applied.ok()) return applied.status();
    return applied->acknowledged;
  }
  void CloseStream(const std::string& token, uint64_t stream_id) {
    AwaitEnd([&](auto done) { sessions_->CloseStream(token, stream_id, done); });
  }
  absl::StatusOr<PublicKey> KeyOf(const std::string& token) {
    return Await<PublicKey>([&](auto done) { sessions_->KeyOf(token, done); });
  }
  absl::StatusOr<std::vector<absl::Status>> UpdateOwner(const std::string& token,
                                                        const std::vector<OwnerChange>& changes) {
    auto recorded =
        Await<Sessions::Recorded>([&](auto done) { sessions_->UpdateOwner(token, changes, done); });
    if (!recorded.ok()) return recorded.status();
    return std::move(recorded->statuses);
  }
  void Unregister(const std::string& token) {
    AwaitEnd([&](auto done) { sessions_->Unregister(token, done); });
  }
  std::optional<ReachedPeer> BeginReachCheck() { return sessions_->BeginReachCheck(); }
  void EndReachCheck(const ReachedPeer& checked, bool answered) {
    sessions_->EndReachCheck(checked, answered);
    settle_();
  }
  absl::Duration Expire() {
    const absl::Duration next = sessions_->Expire();
    settle_();
    return next;
  }

 private:
  Sessions* const sessions_;
  const std::function<void()> settle_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_SYNC_SESSIONS_H_
