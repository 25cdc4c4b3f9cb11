#include "lib/rpc/certificates.h"

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "lib/rpc/testing/tls_files.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() {
    std::string pattern = testing::TempDir() + "/certXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~CertificatesTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(CertificatesTest, ACertificateIsJudgedByItsDates) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions tls = ca->Issue("one").value();
  EXPECT_EQ(OwnCertificateTrouble(tls, absl::Now()), "");
  EXPECT_THAT(OwnCertificateTrouble(tls, absl::Now() + absl::Hours(24 * 30)),
              AllOf(HasSubstr("expired"), HasSubstr("UTC")));
  EXPECT_THAT(OwnCertificateTrouble(tls, absl::Now() - absl::Hours(24 * 30)),
              AllOf(HasSubstr("not valid before"), HasSubstr("clock")));
  // A moment later, because it begins to be valid when it is made.
  EXPECT_THAT(
      OwnCertificateTrouble(ca->IssueExpired("old").value(), absl::Now() + absl::Seconds(2)),
      AllOf(HasSubstr("old.pem"), HasSubstr("expired")));
}

TEST_F(CertificatesTest, ACertificateMustBelongToTheCa) {
  const auto ca = TestCa::Make(folder_, "ca");
  const auto other = TestCa::Make(folder_, "other");
  if (!ca.has_value() || !other.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  TlsOptions tls = ca->Issue("one").value();
  tls.ca_file = other->ca_file();
  EXPECT_THAT(OwnCertificateTrouble(tls, absl::Now()), HasSubstr("not from the CA of --tls-ca"));
}

TEST_F(CertificatesTest, WithoutTlsThereIsNothingToJudge) {
  EXPECT_EQ(OwnCertificateTrouble(TlsOptions(), absl::Now()), "");
}

}  // namespace
}  // namespace arkshare
