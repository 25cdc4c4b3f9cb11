#include "tests/model/steps.h"

namespace arkshare::model {

void AllSteps(const Model& model, const World& world, Successors& out) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    if (world.transfers[t].listing == 0) continue;
    ReceiverSteps(model, world, t, out);
    SourceSteps(model, world, t, out);
  }
  for (int peer = 0; peer < model.scenario.peers; ++peer) {
    if (world.peers[peer].lost) continue;
    LibrarySteps(model, world, peer, out);
    IndexSteps(model, world, peer, out);
  }
  ChaosSteps(model, world, out);
}

}  // namespace arkshare::model
