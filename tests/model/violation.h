// The ways in which a model can be found wrong.
#ifndef ARKSHARE_TESTS_MODEL_VIOLATION_H_
#define ARKSHARE_TESTS_MODEL_VIOLATION_H_

#include <cstdint>

namespace arkshare::model {

enum class Violation : uint8_t {
  kNone,
  // Always.
  kLoss,
  kTwoOwners,
  kUnaskedCopy,
  kReleasedTwice,
  kTicketAndRefusal,
  kWrongContent,
  kOverwritten,
  kTookACopy,
  kTookAnotherName,
  // Found in a step.
  kServedReleased,
  kIndexRevived,
  // When nothing is left to do.
  kInDoubt,
  kWrongCopies,
  kWrongIndex,
  // Found by the exploration.
  kNeverSettles,
  kBounds,
};

// One sentence; "" for kNone.
const char* Describe(Violation violation);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_VIOLATION_H_
