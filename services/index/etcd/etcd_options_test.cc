#include "services/index/etcd/etcd_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "services/index/etcd/etcd_log.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EtcdOptions Local() {
  EtcdOptions options;
  options.endpoints = {"127.0.0.1:2379", "localhost:2380", "[::1]:2381"};
  return options;
}

TEST(ParseEtcdEndpointsTest, EndpointsAreSeparatedByCommas) {
  EXPECT_THAT(ParseEtcdEndpoints("a:1, b:2,,[::1]:3").value(),
              ElementsAre("a:1", "b:2", "[::1]:3"));
  for (const char* wrong : {"", ",", "a", "a:0", "a:1,b", "http://a:1"}) {
    const absl::Status status = ParseEtcdEndpoints(wrong).status();
    EXPECT_EQ(GetReason(status), Reason::kInvalidField) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--etcd")) << wrong;
  }
}

TEST(CheckEtcdOptionsTest, PlaintextIsForThisMachine) {
  EXPECT_TRUE(CheckEtcdOptions(Local()).ok());
  EtcdOptions far = Local();
  far.endpoints.push_back("192.0.2.1:2379");
  EXPECT_THAT(std::string(CheckEtcdOptions(far).message()), HasSubstr("192.0.2.1:2379"));
  far.insecure = true;
  EXPECT_TRUE(CheckEtcdOptions(far).ok());
  far.insecure = false;
  far.tls.ca_file = "ca.pem";
  EXPECT_TRUE(CheckEtcdOptions(far).ok());
}

TEST(CheckEtcdOptionsTest, WrongOptionsAreNamed) {
  EtcdOptions prefix = Local();
  prefix.prefix = "/arkshare";
  EXPECT_THAT(std::string(CheckEtcdOptions(prefix).message()), HasSubstr("--etcd-prefix"));
  EtcdOptions key = Local();
  key.tls = {"cert.pem", "", "ca.pem"};
  EXPECT_THAT(std::string(CheckEtcdOptions(key).message()), HasSubstr("--etcd-key"));
  EtcdOptions ca = Local();
  ca.tls = {"cert.pem", "key.pem", ""};
  EXPECT_THAT(std::string(CheckEtcdOptions(ca).message()), HasSubstr("--etcd-ca"));
  EtcdOptions compact = Local();
  compact.compact = -absl::Seconds(1);
  EXPECT_THAT(std::string(CheckEtcdOptions(compact).message()), HasSubstr("--etcd-compact"));
}

TEST(MakeEtcdLogTest, AFileThatIsMissingIsNamed) {
  EtcdOptions options = Local();
  options.tls.ca_file = "/nowhere/ca.pem";
  const absl::Status status = MakeEtcdLog(options, absl::Seconds(10), Clock::Real()).status();
  EXPECT_EQ(GetReason(status), Reason::kInvalidField);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/ca.pem"));
}

}  // namespace
}  // namespace arkshare
