// Decides which connections of the relay belong together, and how many there may be.
#ifndef ARKSHARE_SERVICES_INDEX_RELAY_PAIRING_H_
#define ARKSHARE_SERVICES_INDEX_RELAY_PAIRING_H_

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/debts.h"
#include "lib/core/key.h"
#include "lib/relay/connect_head.h"

namespace arkshare {

// A connection arrives, says what it wants, waits for its partner, is carried, and leaves. One that
// asks for a peer, or that dials a registering peer, is a receiver; one of a peer that was called
// is an answer.
//
// Pure: no lock, no socket; times are inputs that must not go back. Not thread-safe.
class Pairing {
 public:
  using Connection = uint64_t;

  // Connections of one source, and those of them that wait.
  static constexpr size_t kMostOfSource = 64;
  static constexpr size_t kMostWaitingOfSource = 16;
  static constexpr size_t kMostToPeer = 64;
  // Connections that have not said what they want.
  static constexpr size_t kMostSilent = 1'024;
  // A peer can be called this often at once, and then once in a kCallPause.
  static constexpr int kMostCallsAtOnce = 64;
  static constexpr absl::Duration kCallPause = absl::Milliseconds(50);
  static constexpr absl::Duration kHeadPatience = absl::Seconds(5);
  static constexpr absl::Duration kAnswerPatience = absl::Seconds(4);
  // An answer may come this long before its question.
  static constexpr absl::Duration kEarlyPatience = absl::Seconds(2);
  static constexpr size_t kMostEarly = 64;
  static constexpr size_t kMostEarlyOfSource = 4;

  // At most `most_carried` pairs are carried, or wait to be.
  explicit Pairing(size_t most_carried) : most_carried_(most_carried) {}

  // Admits a connection (kConnected), or refuses it (kFull, kTooMany). `source` is the network that
  // it comes from; "" for this machine, which has no share.
  RelayAnswer Arrive(Connection connection, const std::string& source, absl::Time now);

  // A connection that has not said what it wants turns out to come from another source. Errors as
  // of Arrive; a refused one keeps its source.
  RelayAnswer SetSource(Connection connection, const std::string& source);

  struct Asked {
    RelayAnswer answer = RelayAnswer::kConnected;
    std::string call_id;  // with which the peer is to be called now
  };
  // The connection wants the peer with this key. It then waits for the answer to the call.
  Asked AskForPeer(Connection connection, const PublicKey& key, absl::Time now);

  struct Named {
    RelayAnswer answer = RelayAnswer::kConnected;
    // The connections that belong together now; nullopt: it waits.
    struct Pair {
      Connection receiver = 0;
      Connection answer = 0;
    };
    std::optional<Pair> pair;
  };
  // Takes one of the calls that a peer may have. False: it has had too many.
  bool PayForCall(const PublicKey& key, absl::Time now);

  // The connection names a call.
  Named NameCall(Connection connection, const std::string& id, absl::Time now);

  // The index is about to dial the peer that begins this registration, by the call `ticket`, once.
  void Expect(const std::string& registration_id, const std::string& ticket);
  void Unexpect(const std::string& registration_id);

  // The connection, or the pair that it belongs to, is closed. Each of a pair must leave.
  void Leave(Connection connection);

  struct Refused {
    Connection connection = 0;
    RelayAnswer answer = RelayAnswer::kBadHead;
  };
  // Returns those that have waited for too long; each must leave.
  std::vector<Refused> TakeLate(absl::Time now);
  // Returns when the next one will have waited for too long.
  absl::Time NextLate() const;

 private:
  enum class Stage { kSilent, kAsking, kEarly, kCarried };
  struct State {
    std::string source;
    Stage stage = Stage::kSilent;
    bool receiver = false;
    std::optional<PublicKey> key{};  // that it asked for
    std::string id;                  // of its call, while it waits
    absl::Time late = absl::InfiniteFuture();
  };
  struct Source {
    size_t all = 0;
    size_t waiting = 0;
    size_t early = 0;
  };

  // Whether the source may have one connection more.
  bool HasRoom(const std::string& source) const;
  void SetStage(Connection connection, Stage stage, absl::Time late);
  // Adds to the counts of its stage, or takes from them.
  void Count(const State& state, int by);
  Named Join(Connection receiver, Connection answer);

  const size_t most_carried_;
  absl::flat_hash_map<Connection, State> connections_;
  absl::flat_hash_map<std::string, Source> sources_;
  absl::flat_hash_map<PublicKey, size_t> to_peer_;
  Debts calls_{(kMostCallsAtOnce - 1) * kCallPause};       // of peers
  absl::flat_hash_map<std::string, Connection> asking_;    // receivers by the id of their call
  absl::flat_hash_map<std::string, Connection> early_;     // answers
  absl::flat_hash_map<std::string, std::string> tickets_;  // to registration ids
  absl::btree_set<std::pair<absl::Time, Connection>> late_;
  size_t silent_count_ = 0;
  size_t receivers_ = 0;  // that ask or are carried
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_RELAY_PAIRING_H_
