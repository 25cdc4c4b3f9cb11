// A log that tests write by hand, and what it makes of a roster.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_LOG_WRITER_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_LOG_WRITER_H_

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/roster.h"
#include "services/index/sessions/kept_sessions.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {

// The relay of the replica that folds.
inline constexpr uint32_t kRelayPort = 50052;

// A catalog and its roster.
class Folded : private Roster::Listener {
 public:
  Folded() : catalog(Shared()), roster(&catalog, {"this machine", kRelayPort}, this) {}

  // Returns everything that a reader can see, and how far each session is.
  std::string Describe() const;

  Catalog catalog;
  Roster roster;
  std::vector<std::string> news;  // of sessions

 private:
  static Catalog::Options Shared() {
    Catalog::Options options;
    options.shared = true;
    return options;
  }

  void Ended(const PublicKey& /*key*/, int64_t epoch, const absl::Status& why) override {
    news.push_back(absl::StrCat("ended ", epoch, " ", ReasonName(GetReason(why))));
  }
  void Claimed(const PublicKey& /*key*/, int64_t epoch,
               const replica::ClaimRecord& claim) override {
    news.push_back(absl::StrCat("claimed ", epoch, " by ", claim.replica()));
  }
  void Lost() override { news.push_back("lost"); }
};

class LogWriter {
 public:
  using Changes = std::vector<std::pair<std::string, std::optional<std::string>>>;

  // Makes one revision.
  int64_t Write(const Changes& changes) {
    std::vector<LogEvent> events;
    ++revision_;
    for (const auto& [key, value] : changes) {
      if (value.has_value()) {
        contents_[key] = {key, *value, revision_};
      } else {
        contents_.erase(key);
      }
      events.push_back({key, value});
    }
    steps_.emplace_back(revision_, std::move(events));
    return revision_;
  }

  int64_t revision() const { return revision_; }
  const std::map<std::string, LogEntry>& contents() const { return contents_; }
  const std::vector<std::pair<int64_t, std::vector<LogEvent>>>& steps() const { return steps_; }
  // Returns the contents in the order of a load.
  std::vector<LogEntry> Entries() const {
    std::vector<LogEntry> entries;
    for (const auto& [key, entry] : contents_) entries.push_back(entry);
    std::stable_sort(entries.begin(), entries.end(), [](const LogEntry& a, const LogEntry& b) {
      return LogOrder(a.key) < LogOrder(b.key);
    });
    return entries;
  }

  // Begins a session of the peer, with its number and a claim of the replica. Returns its epoch.
  int64_t Begin(uint8_t peer, const std::string& replica, bool proven = true);
  static std::string Claim(int64_t epoch, const std::string& replica, bool streaming,
                           uint32_t slots = 8) {
    replica::ClaimRecord claim;
    claim.set_epoch(epoch);
    claim.set_replica(replica);
    claim.set_streaming(streaming);
    claim.set_free_slots(slots);
    return claim.SerializeAsString();
  }
  void PutClaim(uint8_t peer, int64_t epoch, const std::string& replica, bool streaming) {
    Write({{ClaimKey(TestKey(peer)), Claim(epoch, replica, streaming)}});
  }
  std::string NextPage(uint8_t peer, int64_t epoch, const std::string& replica = "a") {
    return PageKey(TestKey(peer), epoch, replica, ++pages_);
  }
  std::string NextGrave(uint8_t peer, const std::string& replica = "a") {
    return GraveKey(TestKey(peer), replica, ++pages_);
  }
  void PutPage(uint8_t peer, int64_t epoch, uint64_t first,
               const std::vector<StatementRecord>& statements, bool complete = false) {
    Write({{NextPage(peer, epoch), MakePage(first, statements, complete).SerializeAsString()}});
  }
  // The changes of a move.
  Changes Move(uint8_t receiver, int64_t epoch, const StatementRecord& book, uint8_t source,
               uint64_t listing);

 private:
  int64_t revision_ = 1;
  uint64_t pages_ = 0;
  std::map<std::string, LogEntry> contents_;
  std::vector<std::pair<int64_t, std::vector<LogEvent>>> steps_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_TESTING_LOG_WRITER_H_
