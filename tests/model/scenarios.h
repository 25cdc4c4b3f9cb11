// The scenarios of the model: which peer moves what to which, and what may go wrong meanwhile.
#ifndef ARKSHARE_TESTS_MODEL_SCENARIOS_H_
#define ARKSHARE_TESTS_MODEL_SCENARIOS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/mistakes.h"
#include "tests/model/state.h"

namespace arkshare::model {

// Peers are 0 (A), 1 (B), 2 (C); sets of peers are bit masks.
inline constexpr int kA = 0, kB = 1, kC = 2;
inline constexpr uint8_t Only(int peer) { return static_cast<uint8_t>(1 << peer); }
inline constexpr uint8_t kNobody = 0, kEverybody = 7;

struct TransferSpec {
  int source = kA;
  int receiver = kB;
  // Begun as a copy: it never Releases.
  bool copy = false;
  // The book's name, at both ends.
  int name = 0;
};

struct InitialBook {
  int peer = kA;
  int name = 0;
};

// Changes that people make to files by hand, as a bit mask.
enum Hands : uint8_t {
  kEdit = 1,       // the book becomes another content: edited, replaced, overwritten
  kDelete = 2,     // the book is deleted
  kTakeName = 4,   // a file of another content appears under a free name
  kAddBook = 8,    // a copy of the book appears under a free name, from a person's backup
  kRename = 16,    // the book is renamed
  kScribble = 32,  // a program that had the file open writes into it after the source has hidden it
  kBlock = 64,     // a name cannot be taken any more: a mount, a file in place of its folder
  kAllHands = 63,  // but kBlock and kForge
  // The book becomes another content, and neither its times nor its size show it.
  kForge = 128,
};

struct Scenario {
  std::string name;
  std::string what;
  int peers = 2;
  std::vector<InitialBook> books = {{kA, 0}};
  std::vector<TransferSpec> transfers = {{}};
  // All transfers go in one Release and one transaction of the source.
  bool batch = false;
  // All transfers carry the same transfer_id, though they differ.
  bool same_id = false;
  // Peers that lend at first.
  uint8_t lends = kNobody;
  // Peers that may not rename the files in their folders.
  uint8_t fixed = kNobody;
  // Peers that may crash, any number of times.
  uint8_t crashes = kEverybody;
  // The index may forget everything, or one peer whose lease lapses, any number of times.
  bool index_forgets = false;
  // A peer's snapshot takes time, and listings are born meanwhile.
  bool slow_snapshots = false;
  // People: where, what, how often in all.
  uint8_t hands_at = kNobody;
  uint8_t hands = kAllHands;
  int hand_count = 0;
  // Operators: policy changes (of any source), restores of hidden copies, prepared copies that are
  // kept, peers whose disk may be lost.
  int policy_changes = 0;
  int restores = 0;
  int keeps = 0;
  uint8_t may_be_lost = kNobody;
  // Beyond the default bounds: only with --large.
  bool large = false;
};

// A scenario and the mistakes that are made in it.
struct Model {
  const Scenario& scenario;
  Mistakes mistakes;

  bool Has(Mistake mistake) const { return mistakes.Has(mistake); }
  int transfer_count() const { return static_cast<int>(scenario.transfers.size()); }
  const TransferSpec& spec(int transfer) const { return scenario.transfers[transfer]; }
};

const std::vector<Scenario>& AllScenarios();
// nullptr when there is none of that name.
const Scenario* FindScenario(std::string_view name);
World InitialWorld(const Scenario& scenario);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_SCENARIOS_H_
