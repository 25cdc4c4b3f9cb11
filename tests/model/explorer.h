// Visits every reachable world of a model, breadth first, so that the first violation found has one
// of the shortest traces.
#ifndef ARKSHARE_TESTS_MODEL_EXPLORER_H_
#define ARKSHARE_TESTS_MODEL_EXPLORER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/model/invariants.h"
#include "tests/model/scenarios.h"

namespace arkshare::model {

struct Exploration {
  // kNone when every world and every step is as it must be.
  Violation violation = Violation::kNone;
  // The steps that lead to the violation, a line each.
  std::vector<std::string> trace;
  uint64_t states = 0;
  uint64_t transitions = 0;
  // Worlds in which nothing is left to do.
  uint64_t quiescent = 0;
  double seconds = 0;
};

// Worlds are remembered by a 64-bit hash: for the ten million worlds of the largest scenario the
// odds that two of them are taken for one are below one in 100,000.
//
// More than `limit` worlds is the violation kBounds. Other violations than `wanted` are passed
// over, unless it is kNone.
Exploration Explore(const Model& model, uint64_t limit, Violation wanted = Violation::kNone);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_EXPLORER_H_
