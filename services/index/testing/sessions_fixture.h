// A catalog with sessions, and peers that use them.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_FIXTURE_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "services/index/catalog/catalog.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/sync_sessions.h"

namespace arkshare {

inline constexpr absl::Duration kTestLease = absl::Seconds(9);

// An index without its service. Its lease is kTestLease.
class SessionsHost {
 public:
  virtual ~SessionsHost() = default;
  virtual Sessions& sessions() = 0;
  virtual Catalog& catalog() = 0;
  virtual FakeClock& clock() = 0;
  // Returns when everything that was begun is done.
  virtual void Settle() {}
};

class SessionsFixture : public testing::Test {
 protected:
  void Use(std::unique_ptr<SessionsHost> host) {
    sessions_.reset();
    host_ = std::move(host);
    sessions_.emplace(&host_->sessions(), [this] { host_->Settle(); });
  }
  FakeClock& clock() { return host_->clock(); }
  Catalog& catalog() { return host_->catalog(); }

  absl::StatusOr<Sessions::Registered> TryRegister(uint8_t key, uint32_t wish, bool proven,
                                                   uint64_t order) {
    PeerInfo peer = TestPeer(wish, key);
    peer.address = TestPeer(key, key).address;  // whatever number it wishes
    return sessions_->Register({order, std::move(peer), proven, ""});
  }
  Sessions::Registered Register(uint8_t key, uint32_t wish = 0, bool proven = true) {
    return TryRegister(key, wish, proven, sessions_->BeginRegistration()).value();
  }

  // A stream that notes how the index ended it.
  struct Stream {
    uint64_t id = 0;
    uint64_t acknowledged = 0;
    std::shared_ptr<std::optional<absl::Status>> end =
        std::make_shared<std::optional<absl::Status>>();

    std::string end_reason() const {
      return !end->has_value() ? "open" : std::string(ReasonName(GetReason(**end)));
    }
  };
  Stream Open(const std::string& token) {
    Stream stream;
    const auto start = sessions_->OpenStream(
        token, "127.0.0.1", [end = stream.end](const absl::Status& why) { *end = why; });
    EXPECT_TRUE(start.ok()) << start.status();
    stream.id = start->stream_id;
    stream.acknowledged = start->acknowledged;
    return stream;
  }

  absl::StatusOr<uint64_t> Say(const std::string& token, const Stream& stream,
                               uint64_t first_sequence, std::vector<StatementRecord> statements,
                               bool snapshot_complete = false) {
    Announcement announcement;
    announcement.first_sequence = first_sequence;
    announcement.statements = std::move(statements);
    announcement.snapshot_complete = snapshot_complete;
    announcement.free_slots = 8;
    return sessions_->Apply(token, stream.id, announcement);
  }
  absl::StatusOr<uint64_t> Beat(const std::string& token, const Stream& stream) {
    return Say(token, stream, 0, {});
  }

  std::vector<std::string> BooksOf(uint32_t peer_id) {
    std::vector<std::string> names;
    const auto books = catalog().ListBooks(peer_id, {}, 1000);
    if (!books.ok()) return {"no such peer"};
    for (const BookListing& book : *books) names.push_back(book.name.value());
    return names;
  }
  std::vector<uint32_t> Peers() {
    std::vector<uint32_t> ids;
    for (const PeerSummary& peer : catalog().ListPeers(0, 1000)) ids.push_back(peer.info.peer_id);
    return ids;
  }
  Reason WhyNot(const std::string& token) { return GetReason(sessions_->KeyOf(token).status()); }

  std::unique_ptr<SessionsHost> host_;
  std::optional<SyncSessions> sessions_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_SESSIONS_FIXTURE_H_
