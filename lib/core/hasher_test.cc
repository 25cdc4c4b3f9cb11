#include "lib/core/hasher.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "lib/core/merkle.h"

namespace arkshare {
namespace {

std::vector<uint8_t> VariedBytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 131 + i / 251);
  return bytes;
}

// Hashes one block after another.
std::vector<Sha256Digest> OneByOne(absl::Span<const uint8_t> data) {
  std::vector<Sha256Digest> leaves;
  for (size_t at = 0; at < data.size(); at += kBlockBytes) {
    leaves.push_back(Hasher::ForThisThread().Hash(data.subspan(at, kBlockBytes)));
  }
  return leaves;
}

std::vector<Sha256Digest> Together(absl::Span<const uint8_t> data) {
  std::vector<Sha256Digest> leaves((data.size() + kBlockBytes - 1) / kBlockBytes);
  Hasher::ForThisThread().HashBlocks(data, absl::MakeSpan(leaves));
  return leaves;
}

TEST(HasherTest, HashesManyBlocksLikeSingleBlocks) {
  for (size_t blocks = 1; blocks <= kHashBatch; ++blocks) {
    const std::vector<uint8_t> data = VariedBytes(blocks * kBlockBytes);
    EXPECT_EQ(Together(data), OneByOne(data)) << blocks;
  }
}

TEST(HasherTest, TheLastBlockMayBeShort) {
  for (const size_t size :
       {size_t{1}, kBlockBytes - 1, 9 * kBlockBytes + 1, kHashBatch * kBlockBytes - 1}) {
    const std::vector<uint8_t> data = VariedBytes(size);
    EXPECT_EQ(Together(data), OneByOne(data)) << size;
  }
}

TEST(HasherTest, EveryThreadHasAHasher) {
  const std::vector<uint8_t> data = VariedBytes(kHashBatch * kBlockBytes);
  const std::vector<Sha256Digest> expected = OneByOne(data);
  for (int round = 0; round < 3; ++round) {  // later threads reuse the managers of earlier ones
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) EXPECT_EQ(Together(data), expected);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(MultiHasherTest, AgreesWithOpensslWhereItIsAvailable) {
  const std::unique_ptr<MultiHasher> multi = MultiHasher::Create();
  if (multi == nullptr) GTEST_SKIP() << "built without intel-ipsec-mb";
  const std::vector<uint8_t> data = {'a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'};
  std::vector<Sha256Digest> digests(3);
  ASSERT_TRUE(multi->HashBlocks(data, 3, absl::MakeSpan(digests)));
  for (const Sha256Digest& digest : digests) {
    EXPECT_EQ(ToHex(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  }
}

}  // namespace
}  // namespace arkshare
