#include "lib/rpc/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TargetsTest, AnIndexIsHostAndPort) {
  EXPECT_THAT(*ParseIndexes({"127.0.0.1:50051"}), ElementsAre("127.0.0.1:50051"));
  EXPECT_THAT(*ParseIndexes({"", " a.example:1 ", "[::1]:65535"}),
              ElementsAre("a.example:1", "[::1]:65535"));
  for (const std::string wrong :
       {"", " ", "foo", "foo:", "foo:0", "http://127.0.0.1:50051", "1:-1"}) {
    const absl::Status status = ParseIndexes({wrong}).status();
    EXPECT_EQ(GetReason(status), Reason::kInvalidField) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--index must be HOST:PORT, for example"));
  }
  EXPECT_FALSE(ParseIndexes({"127.0.0.1:1", "foo"}).ok()) << "one wrong one is a mistake";
  EXPECT_FALSE(ParseIndexes({}).ok());
}

TEST(TargetsTest, AControlSocketIsNeverAPort) {
  EXPECT_EQ(*ParseControlSocket("--control", "unix:/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(*ParseControlSocket("--control", "unix:x.sock"), "unix:x.sock");
  EXPECT_EQ(*ParseControlSocket("--control", "/run/x.sock"), "unix:/run/x.sock");
  for (const std::string wrong : {"", "unix:", "127.0.0.1:17777", "x.sock", "unix-abstract:x"}) {
    const absl::Status status = ParseControlSocket("--control", wrong).status();
    EXPECT_EQ(GetReason(status), Reason::kInvalidField) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--control must be unix:PATH"));
  }
}

}  // namespace
}  // namespace arkshare
