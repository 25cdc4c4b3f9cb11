#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {
namespace {

TEST(LogOrderTest, ReplicasComeFirstAndTombstonesBeforePages) {
  const std::vector<std::string> keys = {"r/1", "s/1", "n/1", "l/1", "t/1", "c/1", "birth"};
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(LogOrder(keys[i]), static_cast<int>(i));
}

TEST(LogOrderTest, AllOtherKeysAreLast) {
  for (const char* key : {"", "r", "rs/1", "head", "compact", "/r/"}) EXPECT_EQ(LogOrder(key), 6);
}

}  // namespace
}  // namespace arkshare
