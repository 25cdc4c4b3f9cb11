// The build without intel-ipsec-mb: Hasher hashes blocks one by one.
#include "lib/core/multi_hasher.h"

namespace arkshare {

struct MultiHasher::State {};

MultiHasher::MultiHasher(std::unique_ptr<State> state) : state_(std::move(state)) {}

MultiHasher::~MultiHasher() = default;

std::unique_ptr<MultiHasher> MultiHasher::Create() { return nullptr; }

bool MultiHasher::HashBlocks(absl::Span<const uint8_t>, size_t, absl::Span<Sha256Digest>) {
  return false;
}

}  // namespace arkshare
