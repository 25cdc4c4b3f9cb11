// The crash of one peer.
#ifndef ARKSHARE_TESTS_MODEL_STEPS_CRASH_H_
#define ARKSHARE_TESTS_MODEL_STEPS_CRASH_H_

#include <vector>

#include "tests/model/scenarios.h"
#include "tests/model/state.h"

namespace arkshare::model {

// Returns the worlds that SIGKILL or a power cut, and a restart, can lead to. Each change that was
// not durable survives or vanishes by itself.
std::vector<World> AfterCrash(const Model& model, const World& world, int peer);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_STEPS_CRASH_H_
