// Rules that hold in every world, for every step, and in every world in which nothing is left to
// do.
#ifndef ARKSHARE_TESTS_MODEL_INVARIANTS_H_
#define ARKSHARE_TESTS_MODEL_INVARIANTS_H_

#include "tests/model/scenarios.h"
#include "tests/model/state.h"
#include "tests/model/steps.h"
#include "tests/model/violation.h"

namespace arkshare::model {

// Always.
Violation CheckWorld(const Model& model, const World& world);

// Checks a step from one world to the next.
Violation CheckStep(const Model& model, const World& before, const Step& step, const World& after);

// When only crashes and people could change anything: all messages have arrived, all peers are up.
Violation CheckQuiescent(const Model& model, const World& world);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_INVARIANTS_H_
