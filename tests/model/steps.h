// Every step that can be taken from a world: by the receiver, the source, the libraries, the index,
// and by crashes and people.
#ifndef ARKSHARE_TESTS_MODEL_STEPS_H_
#define ARKSHARE_TESTS_MODEL_STEPS_H_

#include <cstdint>
#include <vector>

#include "tests/model/scenarios.h"
#include "tests/model/state.h"

namespace arkshare::model {

struct Step {
  // Describes the step for people.
  const char* what = "";
  // The peer that does it; -1 is the index.
  int8_t peer = -1;
  // In which transfer; -1 for none.
  int8_t transfer = -1;
  // A fetch names the peer and the listing that served it.
  int8_t served_by = -1;
  uint8_t served_listing = 0;
};

struct Successor {
  World world;
  Step step;
  // The programs' own work, which goes on until nothing is left to do; everything else is chaos.
  bool progress;
};

// Collects the worlds that one step leads to.
class Successors {
 public:
  // A copy of `from`, for the caller to change at once; valid until the next call.
  World& Progress(const World& from, Step step) { return Add(from, step, true); }
  World& Chaos(const World& from, Step step) { return Add(from, step, false); }

  void Clear() { all_.clear(); }
  const std::vector<Successor>& all() const { return all_; }

 private:
  World& Add(const World& from, Step step, bool progress) {
    return all_.emplace_back(Successor{from, step, progress}).world;
  }

  std::vector<Successor> all_;
};

// The receiver's side of one transfer: steps 1, 2, 4 and 5 of the move, as README.md numbers them.
void ReceiverSteps(const Model& model, const World& world, int transfer, Successors& out);
// The source's side of one transfer: steps 3 and 5. The first one takes all items of a batch.
void SourceSteps(const Model& model, const World& world, int transfer, Successors& out);
// One peer: putting back after a restart, and noticing what people did in the folder.
void LibrarySteps(const Model& model, const World& world, int peer, Successors& out);
// The messages of one peer that reach the index.
void IndexSteps(const Model& model, const World& world, int peer, Successors& out);
// Transfers that begin or are given up, crashes, an index that forgets, people and operators.
void ChaosSteps(const Model& model, const World& world, Successors& out);

// All of them.
void AllSteps(const Model& model, const World& world, Successors& out);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_STEPS_H_
