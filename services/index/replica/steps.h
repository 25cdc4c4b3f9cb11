// The keys and values of the log that the replicas of an index share.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_STEPS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_STEPS_H_

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/replica/records.pb.h"
#include "lib/core/key.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// Each key begins with its kind: "r/" a replica, "s/" a session, "l/" its claim, "n/" a number,
// "c/" a page of statements, "t/" a grave.
struct LogKey {
  enum class Kind { kReplica, kSession, kClaim, kNumber, kPage, kGrave };

  Kind kind = Kind::kReplica;
  PublicKey peer;       // of all but kReplica and kNumber
  int64_t epoch = 0;    // of kPage
  uint32_t number = 0;  // of kNumber
  std::string replica;  // of kReplica

  // Returns nullopt for keys that no step has: those of other versions, and of the log itself.
  static std::optional<LogKey> Parse(absl::string_view key);
};

std::string ReplicaKey(absl::string_view replica);
std::string SessionKey(const PublicKey& peer);
std::string ClaimKey(const PublicKey& peer);
std::string NumberKey(uint32_t number);
// `count` is a number that the replica uses once for this.
std::string PageKey(const PublicKey& peer, int64_t epoch, absl::string_view replica,
                    uint64_t count);
std::string GraveKey(const PublicKey& source, absl::string_view replica, uint64_t count);

// A page as the fold needs it.
struct Page {
  struct Origin {
    PublicKey source;
    uint64_t listing = 0;
    size_t statement = 0;  // an index into `statements`, or kNone
    static constexpr size_t kNone = ~size_t{0};
  };

  uint64_t through = 0;  // the number of the last statement in sequence; 0: of none
  bool complete = false;
  std::vector<StatementRecord> statements;
  std::vector<Origin> origins;
  std::vector<NumberRange> gone;  // as well, when pages were merged
};

// Pages made of the statements first_sequence, first_sequence + 1 …, without those whose ascending
// places are `left_out`.
replica::PageRecord MakePage(uint64_t first_sequence, absl::Span<const StatementRecord> statements,
                             bool complete, absl::Span<const size_t> left_out = {});
// The page says for each of these numbers what the shelf has.
void AddStated(const Catalog::Stated& stated, replica::PageRecord& page);
std::string EncodeStatement(const StatementRecord& statement);
// Returns nullopt for bytes that are no page. Pure.
std::optional<Page> ReadPage(absl::string_view value);
// Returns the numbers in ascending ranges that do not touch each other. Leaves out ranges that are
// none. Pure.
std::vector<NumberRange> NumbersOf(const replica::GraveRecord& grave);
std::vector<NumberRange> NumbersOf(const Page& page);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_STEPS_H_
