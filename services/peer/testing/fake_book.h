// Books for tests.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_H_
#define ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/core/content_id.h"

namespace arkshare {

struct FakeBook {
  std::string bytes;
  ContentId id;
  std::vector<Sha256Digest> pieces;

  static FakeBook Of(std::string bytes);
  // Makes bytes that look random; the same seed makes the same bytes.
  static FakeBook OfSize(uint64_t size, uint32_t seed = 1);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_H_
