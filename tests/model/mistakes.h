// Mistakes that can be planted in the model, to see that it finds them.
#ifndef ARKSHARE_TESTS_MODEL_MISTAKES_H_
#define ARKSHARE_TESTS_MODEL_MISTAKES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/violation.h"

namespace arkshare::model {

enum class Mistake : uint8_t {
  // Mistakes of the source.
  kTicketBeforeReleased,
  kRecordBeforeRename,
  kCheckBeforeRename,
  kReleasedFoldersNotSynced,
  kNotPutBack,
  kPutBackThoughReleased,
  kScanBeforePutBack,
  kScanDuringRelease,
  kReleasesWhatIsGone,
  kDeleteAtReleased,
  kServesHidden,
  kRefusalNotRecorded,
  kIdReuseAccepted,
  kBatchInSeparateTransactions,
  kForgetsAtGone,
  kGoneBeforeUnlink,
  kConfirmBeatsRestore,
  kUnlinksUnseen,
  kUnlinksUnproven,
  kAsksAgainWhenFixed,
  kReleasesUnplaced,
  kReleasesUnsettled,
  // The receiver's.
  kPreparedBeforeFsync,
  kGivesUpAfterPrepared,
  kReleasesEveryHolder,
  kKeepsWhatMoved,
  kCopyReleases,
  kConfirmBeforeOwned,
  kConfirmBeforePlaced,
  kReplacesName,
  kFindsPlaceUnusableLate,
  kTakesAnotherName,
  kNameRecordedAfterRename,
  kUpdateOwnerBeforeOwned,
  kSettledInMemory,
  kNoGoneAfterUpdateOwner,
  kTokenBeforeSnapshot,
  kKeepsWhatItOwns,
  kConfirmsWhatItKept,
  // Mistakes with numbers, and those of the index.
  kNumberReused,
  kGoneSaidBeforeReleased,
  kLastWriterWins,
  kSnapshotEndsNewListings,
  kCount,
};

class Mistakes {
 public:
  Mistakes() = default;
  explicit Mistakes(const std::vector<Mistake>& mistakes) {
    for (Mistake mistake : mistakes) bits_ |= Bit(mistake);
  }
  bool Has(Mistake mistake) const { return (bits_ & Bit(mistake)) != 0; }

 private:
  static uint64_t Bit(Mistake mistake) { return uint64_t{1} << static_cast<int>(mistake); }
  uint64_t bits_ = 0;
};

// "ticket-before-released".
const char* Name(Mistake mistake);
std::optional<Mistake> FindMistake(std::string_view name);

// An experiment: what is done wrong, where, and what the model must say to that (it
// may say more).
struct Planted {
  std::vector<Mistake> mistakes;
  std::string scenario;
  // kNone: suspected, and found to be harmless there.
  Violation expected;
  std::string what;
};

const std::vector<Planted>& AllPlanted();

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_MISTAKES_H_
